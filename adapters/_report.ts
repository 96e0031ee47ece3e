/** Has an error that somebody else's loop must not meet heard of like any other that nobody caught. */
export function reportError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
