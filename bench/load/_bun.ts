/** The part of Bun's sockets that the load uses: they cost what the kernel's do, so that the load stays below its target. */

export interface LoadSocket<Data> {
  data: Data;
  write(bytes: Uint8Array | string): number;
  end(): void;
  terminate(): void;
  setNoDelay(isOn: boolean): void;
}

export interface LoadHandler<Data> {
  open(socket: LoadSocket<Data>): void;
  data(socket: LoadSocket<Data>, bytes: Uint8Array): void;
  drain?(socket: LoadSocket<Data>): void;
  close?(socket: LoadSocket<Data>): void;
  error?(socket: LoadSocket<Data>, error: Error): void;
  connectError?(socket: LoadSocket<Data>, error: Error): void;
}

interface BunSockets {
  listen<Data>(options: { hostname: string; port: number; socket: LoadHandler<Data> }): { readonly port: number };
  connect<Data>(
    options: { hostname: string; port: number; data: Data; socket: LoadHandler<Data> },
  ): Promise<LoadSocket<Data>>;
}

/** Bun itself. */
export const bun: BunSockets = (globalThis as unknown as { readonly Bun: BunSockets }).Bun;
