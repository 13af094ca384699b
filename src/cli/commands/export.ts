import { exportModel as run } from "../../engine/index.js";
import type { Call } from "./index.js";

/** `swinyolo export`: writes the file and says how it compares with the model. */
export async function exportModel({ given, output }: Call): Promise<void> {
  output.progress("Tracing, folding and checking ...");
  const result = await run(given);
  output.object(result);
  output.line(`Wrote ${result.file} (${result.megabytes.toFixed(1)} MB)`);
  output.line(`  input   ${result.inputs.join("; ")}`);
  output.line(`  output  ${result.outputs.join("; ")}`);
  output.line(
    `  check   same detections as the model; largest difference ${result.check.maxDifference.toExponential(1)}`,
  );
  output.line(`Run it: swinyolo predict weights=${result.file} source=PICTURES`);
}
