import { readFileSync } from "node:fs";

/**
 * The text of a file, or nothing when there is none. One look, not two: somebody else may remove the file between a
 * question whether it exists and the reading.
 */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
