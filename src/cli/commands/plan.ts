import { parseOptions } from "../../engine/config/index.js";
import { type ClassifierMemory, plan as run, type Switches, type TrainingPlan } from "../../engine/index.js";
import { table } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo plan`: what training takes on each device; exit code 1 where that is more than `memory`. */
export async function plan({ given, output }: Call): Promise<void> {
  const { options } = parseOptions("plan", given);
  const result = await run(given);
  output.object(result);
  const { imgsz, batch, devices, precision } = options;
  const windows = result.stageShapes.map(({ window }) => window);
  output.line(
    `${result.model}: ${result.parameters.toLocaleString("en")} parameters, ${imgsz} x ${imgsz} pixels, windows ${windows.join(", ")}`,
  );
  output.line(
    `${batch} picture${batch === 1 ? "" : "s"} a device on ${devices} device${devices === 1 ? "" : "s"}, ${precision}, ${switchWords(options as Switches)}`,
  );
  output.line("");
  output.line(stageTable(result));
  output.line("");
  output.line(deviceTable(result, devices));
  output.line("");
  output.line(alternativeTable(result));
  if (result.here) {
    output.line("");
    output.line(hereTable(result.here));
  }
  if (result.within) {
    output.line("");
    output.line(verdict(result, result.within, batch));
    if (!result.within.fits) process.exitCode = 1;
  }
  for (const note of result.notes) output.note(note);
}

const switchWords = ({ zero, recompute, sequential }: Switches): string =>
  `zero=${zero} recompute=${recompute} sequential=${sequential}`;

const gb = (bytes: number): string => (bytes / 1e9).toFixed(2);
const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(2);

function stageTable({ stageShapes, activations }: TrainingPlan): string {
  const rows = stageShapes.map(({ depth, dim, heads, side, window }, i) => {
    const { logits, kept, input, peak } = activations.stages[i];
    return [
      i,
      depth,
      dim,
      heads,
      `${side} x ${side}`,
      window,
      logits.toLocaleString("en"),
      gb(kept),
      gb(input),
      gb(peak),
    ];
  });
  const headings = ["stage", "blocks", "dim", "heads", "tokens", "window", "logits a block"];
  return table([...headings, "kept GB", "input GB", "peak GB"], rows);
}

function deviceTable(result: TrainingPlan, devices: number): string {
  const { states, gathered, activations, buffers, total, reserve, traffic } = result;
  const { at } = activations;
  const where = at === "end" ? "when the way back begins" : `in stage ${at.stage}, block ${at.block}`;
  const sum = states.total;
  const rows: [string, number, string][] = [
    ["weights", states.weights, ""],
    ["gradients", states.gradients, ""],
    ["optimizer", states.optimizer, devices > 1 ? `${traffic} numbers a parameter between devices in a step` : ""],
    ["states", sum, "the three above"],
    ...(gathered > 0
      ? ([["gathered", gathered, "weights of the largest block while it runs"]] as [string, number, string][])
      : []),
    ["activations", activations.peak, `at their most, ${where}`],
    [
      "buffers",
      buffers.sharedMasks + buffers.sharedIndices,
      `masks and indices; ${gb(buffers.masks + buffers.indices)} GB if every block has its own`,
    ],
    ["total", total, ""],
    ["with reserve", total + reserve, `${gib(reserve)} GiB for the device's own and gaps`],
  ];
  return table(
    ["on one device", "GB", "GiB", ""],
    rows.map(([name, bytes, remark]) => [name, gb(bytes), gib(bytes), remark]),
  );
}

function hereTable({ process: held, state, step, batches, training }: ClassifierMemory): string {
  const rows: [string, number, string][] = [
    ["process", held, "Node, ONNX Runtime and the session's records"],
    ["state", state, "weights, averages, moments, gradients"],
    ["step", step, "activations and gradients, as ONNX Runtime lays them out"],
    ["pictures", batches, ""],
    ["total", training, "fp32, without validation"],
  ];
  return table(
    ["on this CPU", "GB", "GiB", ""],
    rows.map(([name, bytes, remark]) => [name, gb(bytes), gib(bytes), remark]),
  );
}

function alternativeTable({ alternatives, within }: TrainingPlan): string {
  const rows = alternatives.map(({ switches, total, batch }) => [
    switchWords(switches),
    gb(total),
    ...(batch === undefined ? [] : [batch]),
  ]);
  return table(["other switches", "total GB", ...(within ? ["largest batch"] : [])], rows);
}

function verdict({ total, reserve }: TrainingPlan, within: NonNullable<TrainingPlan["within"]>, batch: number): string {
  const { memory, fits, switches } = within;
  const given = `memory ${gb(memory)} GB = ${gib(memory)} GiB`;
  if (fits) return `${given}: fits, ${gb(memory - total - reserve)} GB left; the largest batch is ${within.batch}`;
  const less = within.batch > 0 ? `; batch=${within.batch} would` : "";
  const more = switches ? `; ${switchWords(switches)} would` : `; no switches make batch=${batch} fit`;
  return `${given}: ${gb(total + reserve - memory)} GB too much${less}${more}`;
}
