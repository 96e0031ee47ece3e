/** The lines of an access log whose format has an object in each. */

import { readIfThere } from "./files.ts";
import { eventually } from "./watch.ts";

/** The members of one line. */
export type AccessLine = Readonly<Record<string, unknown>>;

/** All whole lines of a file; none as long as there is no file. */
export function accessLines(path: string): AccessLine[] {
  const text = readIfThere(path) ?? "";
  return text.split("\n").slice(0, -1).map((line) => {
    const members: unknown = JSON.parse(line);
    if (typeof members !== "object" || members === null) throw new Error(`no object: ${line}`);
    return { ...members };
  });
}

/** The same as soon as there are so many. */
export async function untilLines(path: string, count: number): Promise<AccessLine[]> {
  await eventually(() => accessLines(path).length >= count, () => JSON.stringify(accessLines(path)));
  return accessLines(path);
}
