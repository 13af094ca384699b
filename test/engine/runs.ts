import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** All events of a training run, and its folder. */
export async function collected<Event extends { readonly type: string }>(
  run: AsyncIterable<Event>,
): Promise<{ events: Event[]; folder: string }> {
  const events: Event[] = [];
  for await (const event of run) events.push(event);
  const end = events.at(-1);
  if (end?.type !== "end" || !("run" in end)) throw new Error("no end");
  return { events, folder: String(end.run) };
}

/** Of a run's last weights. */
export const digest = (run: string): string =>
  createHash("sha256")
    .update(readFileSync(join(run, "weights", "last.safetensors")))
    .digest("hex");
