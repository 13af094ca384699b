import { readFileSync, type Stats, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { UserError } from "../../errors/index.js";

/** The text of a file, which must be there and at most `maxBytes` long; a leading byte order mark is left out. */
export function readTextFile(file: string, { maxBytes }: { maxBytes: number }): string {
  try {
    checkSize(file, statSync(file), maxBytes);
    return withoutMark(readFileSync(file, "utf8"));
  } catch (error) {
    throw fileError(file, error);
  }
}

/** The bytes of a file, which must be there and at most `maxBytes` long. */
export async function readBytes(file: string, { maxBytes }: { maxBytes: number }): Promise<Buffer> {
  try {
    checkSize(file, await stat(file), maxBytes);
    return await readFile(file);
  } catch (error) {
    throw fileError(file, error);
  }
}

/** A text without the byte order mark that it may start with. */
export const withoutMark = (text: string): string => (text.startsWith("\uFEFF") ? text.slice(1) : text);

/** What went wrong with a file, as a UserError where the cause is the file system's. */
export function fileError(file: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof UserError || code === undefined) return error;
  return new UserError(`${file}: ${reasons[code] ?? code}`, { cause: error });
}

/** Whether an error, or what caused it, is that a file is not there. */
export function isMissing(error: unknown): boolean {
  const code = (found: unknown) => (found as NodeJS.ErrnoException | undefined)?.code;
  return [code(error), code(error instanceof Error ? error.cause : undefined)].some(
    (c) => c === "ENOENT" || c === "ENOTDIR",
  );
}

const reasons: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "a folder, expected a file",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
  ENAMETOOLONG: "the name is too long for a file",
  ELOOP: "links that lead in a circle",
};

function checkSize(file: string, found: Stats, maxBytes: number): void {
  if (found.isDirectory()) throw new UserError(`${file}: ${reasons.EISDIR}`);
  if (!found.isFile()) throw new UserError(`${file}: a device or pipe, expected a file`);
  if (found.size > maxBytes) throw new UserError(`${file}: ${found.size} bytes, expected at most ${maxBytes}`);
}
