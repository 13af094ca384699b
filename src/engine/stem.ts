import { basename, extname } from "node:path";

/** A file's name without folder and ending. */
export const stem = (path: string): string => basename(path, extname(path));
