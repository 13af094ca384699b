import { UserError } from "../../errors/index.js";
import type { TransferContext, Transferred, TransferSettings } from "./index.js";

/** How detections changed on pictures. */
export interface DetectChanges {
  readonly pictures: number;
}

/** A detector. */
export async function transferDetector(
  { weights }: TransferSettings & { readonly weights: string; readonly file: string },
  _context: TransferContext,
): Promise<Transferred> {
  throw new UserError(`${weights}: no classifier; only these can be transferred so far`);
}
