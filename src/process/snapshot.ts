/**
 * The files of a configuration as the main process has read them. Workers read these and not the disk: what is there may
 * be another configuration by now, which nobody has asked for yet, and a worker that takes the place of a dead one has
 * to be what that one was.
 *
 * @module
 */

import type { Files, Octets, SystemFailure } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { decode, encode } from "../session/bytes.ts";

type Reader = Pick<Files, "read" | "list">;

/** What was read, in a form that JSON can carry. */
export interface Snapshot {
  readonly texts: readonly (readonly [path: Octets, text: Octets | SystemFailure])[];
  readonly folders: readonly (readonly [path: Octets, names: readonly Octets[] | SystemFailure])[];
}

/** Reads files, and remembers what was in them. */
export class Recorder implements Reader {
  readonly #files: Reader;
  readonly #texts = new Map<Octets, Octets | SystemFailure>();
  readonly #folders = new Map<Octets, readonly Octets[] | SystemFailure>();

  constructor(files: Reader) {
    this.#files = files;
  }

  get snapshot(): Snapshot {
    return { texts: [...this.#texts], folders: [...this.#folders] };
  }

  read(path: Octets): Uint8Array | SystemFailure {
    const bytes = this.#files.read(path);
    this.#texts.set(path, isFailure(bytes) ? bytes : decode(bytes));
    return bytes;
  }

  list(path: Octets): readonly Octets[] | SystemFailure {
    const names = this.#files.list(path);
    this.#folders.set(path, names);
    return names;
  }
}

/** The files of a snapshot; there are no others. */
export function filesOf({ texts, folders }: Snapshot): Reader {
  const [textOf, namesOf] = [new Map(texts), new Map(folders)];
  return {
    read: (path) => {
      const text = textOf.get(path) ?? MISSING;
      return typeof text === "string" ? encode(text) : text;
    },
    list: (path) => namesOf.get(path) ?? MISSING,
  };
}

const MISSING: SystemFailure = { number: 2, text: "No such file or directory" };
