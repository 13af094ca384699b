import { parseOptions } from "../../engine/config/index.js";
import { type Fallback, gigabytes, type Placement, info as run } from "../../engine/index.js";
import { table } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo info`: the layer table. */
export async function info({ given, output }: Call): Promise<void> {
  const { verbose } = parseOptions("info", given).options;
  const result = await run(given);
  if (output.json) {
    const { parameters, gflops, layers, memory, placement } = result;
    output.object({ parameters, gflops, layers, memory, placement });
    return;
  }
  const rows = result.layers.map(({ index, from, repeats, parameters, module, args, shape }) => [
    index,
    String(from),
    repeats,
    parameters.toLocaleString("en"),
    module,
    shapeText(shape),
    Object.values(args)
      .map((value) => argText(value, verbose))
      .join(", "),
  ]);
  output.line(table(["layer", "from", "n", "parameters", "module", "output", "arguments"], rows));
  const [height, width] = result.imgsz;
  output.line("");
  output.line(
    `${result.parameters.toLocaleString("en")} parameters, ${result.gflops.toFixed(2)} GFLOPs at ${height} x ${width}, strides ${result.strides.join(", ")}`,
  );
  const { activations, state, batch, training } = result.memory;
  output.line(
    `Training with batch ${batch}: ${gigabytes(activations)} of activations, ${gigabytes(state)} of weights, gradients and moments (planned)`,
  );
  output.line(
    `The whole process, validation included: ${gigabytes(training.none)} with recompute=none, ${gigabytes(training.row)} with recompute=row`,
  );
  if (result.placement) for (const line of placementLines(result.placement)) output.line(line);
}

function placementLines({ device, inference, training }: Placement): string[] {
  const line = (what: string, fallbacks: readonly Fallback[]) => {
    const left = fallbacks.map(({ operator, count }) => `${operator} (${count})`).join(", ");
    return `device=${device}, ${what}: ${left ? `the CPU would run ${left}` : "every operator runs on it"}`;
  };
  return [line("inference", inference), line("training", training)];
}

const shapeText = (shape: readonly number[] | readonly (readonly number[])[]): string => {
  const one = (s: readonly number[]) => s.slice(1).join(" x ");
  return Array.isArray(shape[0])
    ? (shape as number[][]).map((s) => s.slice(1, 4).join(" x ")).join(", ")
    : one(shape as number[]);
};

const argText = (value: unknown, whole: boolean): string => {
  const text = JSON.stringify(value);
  return text.length > 40 && !whole ? `${text.slice(0, 37)}...` : text;
};
