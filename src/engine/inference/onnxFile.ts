import { readFile } from "node:fs/promises";
import { UserError } from "../../errors/index.js";
import type { Runtime } from "../../graph/index.js";
import type { Backend } from "./detect.js";
import { type OnnxOptions, onnxBackend } from "./onnx.js";

/**
 * An exported ONNX file on disk as something to detect with.
 * @throws UserError when it cannot be read, or lacks what a detector needs.
 */
export async function openOnnxFile(runtime: Runtime, file: string, options: OnnxOptions): Promise<Backend> {
  return onnxBackend(runtime, { bytes: await readModel(file), name: file, path: file }, options);
}

/** The bytes of a model; a UserError names it where it cannot be read. */
export async function readModel(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UserError(`${file}: no such file, or it cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}
