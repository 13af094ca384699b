import { type AblationEvent, ablate as run } from "../../engine/index.js";
import { bar, type Output } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo ablate`: a line a run, then the table. */
export async function ablate({ given, output, interrupt }: Call): Promise<void> {
  let folder: string | undefined;
  const signal = interrupt();
  try {
    for await (const event of run(given, { signal })) {
      if (event.type === "training" && event.event.type === "start") folder = event.event.run;
      show(event, output);
    }
  } catch (error) {
    if (signal.aborted && folder) output.note("Stopped. The same command goes on from here.");
    throw error;
  }
}

function show(event: AblationEvent, output: Output): void {
  if (event.type !== "training") output.object(event);
  if (event.type === "run") {
    const { variant, seed, trained } = event;
    output.note(`${event.run}/${event.runs} ${variant}, seed ${seed}${trained ? ": trained before" : ""}`);
  } else if (event.type === "measured") {
    const numbers = Object.entries(event.results).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
    output.line(`${event.variant}, seed ${event.seed}: ${numbers.join(", ")}`);
  } else if (event.type === "end") {
    output.line("");
    output.line(event.table);
    output.line("");
    output.line(`Plot: ${event.plot}`);
    output.line(`All of it: ${event.folder}`);
  } else progressOf(event.event, output);
}

function progressOf(event: Extract<AblationEvent, { type: "training" }>["event"], output: Output): void {
  if (event.type !== "batch") return;
  const { epoch, epochs, step, steps, loss, imagesPerSecond } = event;
  const share = (epoch - 1 + step / steps) / epochs;
  output.progress(
    `  ${bar(share)} epoch ${epoch}/${epochs}  loss ${loss.toFixed(3)}  ${imagesPerSecond.toFixed(1)} pictures/s`,
  );
}
