import { parseOptions } from "../../engine/config/index.js";
import { importWeights as run } from "../../engine/index.js";
import { UserError } from "../../errors/index.js";
import type { Call } from "./index.js";

/** `swinyolo import`: converts weights and reports. */
export async function importWeights({ given, output }: Call): Promise<void> {
  const { options } = parseOptions("import", given);
  const { weights, out, half } = options;
  if (weights === undefined || out === undefined)
    throw new UserError("weights and out expected: weights=yolov5n.pt out=yolov5n.safetensors");
  const { tensors, parameters, skipped } = await run({ weights, out, half });
  output.object({ tensors, parameters, skipped });
  output.line(`${weights}: ${tensors} tensors, ${parameters.toLocaleString("en")} parameters -> ${out}`);
  if (skipped.length > 0)
    output.line(
      `Left out, no tensors: ${skipped.slice(0, 8).join(", ")}${skipped.length > 8 ? `, and ${skipped.length - 8} more` : ""}`,
    );
}
