import {
  isClassifyCall,
  isPretrainCall,
  parseClassifyOptions,
  parseOptions,
  parsePretrainOptions,
} from "../../engine/config/index.js";
import {
  type BatchEvent,
  type ClassifyEvent,
  type EpochEvent,
  type PretrainEvent,
  train as run,
  type TrainEvent,
} from "../../engine/index.js";
import { colours } from "../colour.js";
import { bar, createPace, duration, type Output } from "../output.js";
import type { Call } from "./index.js";
import { createPretrainTalk } from "./pretrain.js";
import { createClassifyTalk } from "./trainClassify.js";

/** `swinyolo train`: a line an epoch, progress between. */
export async function train(call: Call): Promise<void> {
  const { given, output } = call;
  if (isPretrainCall("train", given)) {
    const named = { ...given, task: "pretrain" } as const;
    const show = createPretrainTalk(output);
    return follow(call, { ...parsePretrainOptions(given), events: (_, context) => run(named, context), show });
  }
  if (!isClassifyCall("train", given))
    return follow(call, { ...parseOptions("train", given).options, events: run, show: createTalk(output) });
  const options = parseClassifyOptions("train", given);
  const named = { ...given, task: "classify" } as const;
  return follow(call, { ...options, events: (_, context) => run(named, context), show: createClassifyTalk(output) });
}

interface Followed<Event> {
  readonly nosave: boolean;
  readonly resume?: string | boolean;
  readonly events: (given: Call["given"], context: Parameters<typeof run>[1]) => AsyncIterable<Event>;
  readonly show: (event: Event) => void;
}

async function follow<Event extends TrainEvent | ClassifyEvent | PretrainEvent>(
  { given, output, interrupt }: Call,
  { nosave, resume, events, show }: Followed<Event>,
): Promise<void> {
  const signal = interrupt();
  let folder: string | undefined;
  let saved = Boolean(resume);
  const onScan = (split: string, done: number, total: number) =>
    output.progress(`Reading ${split}  ${bar(done / total)} ${done}/${total}`);
  try {
    for await (const event of events(given, { signal, onScan })) {
      if (event.type === "start") folder = event.run;
      if (event.type === "epoch") saved ||= !nosave;
      if (output.json) object(event, output);
      else show(event);
    }
  } catch (error) {
    if (signal.aborted && folder) {
      output.note(
        saved ? `Stopped. Go on with: swinyolo train resume=${folder}` : "Stopped before anything was saved.",
      );
    }
    throw error;
  }
}

function object(event: TrainEvent | ClassifyEvent | PretrainEvent, output: Output): void {
  if (event.type === "end") {
    const { run: folder, epochs, best, weights } = event;
    output.object({ run: folder, epochs, best, weights });
  } else output.object(event);
}

const columns = ["epoch", "box", "obj", "cls", "P", "R", "mAP50", "mAP50-95", "pictures/s", "wait", "time left"];

// Tells people of one event after the other.
function createTalk(output: Output): (event: TrainEvent) => void {
  const secondsAnEpoch = createPace();
  return (event) => {
    switch (event.type) {
      case "report":
        output.note(event.message);
        break;
      case "start":
        output.line(
          `${event.images} pictures, ${event.batches} batches an epoch, ${event.parameters.toLocaleString("en")} parameters; into ${event.run}`,
        );
        if (event.resumedFrom !== undefined) output.line(`Going on after epoch ${event.resumedFrom}.`);
        output.line(colours.dim(columns.map((name) => name.padStart(10)).join(" ")));
        break;
      case "batch":
        output.progress(progressLine(event));
        break;
      case "epoch":
        output.line(epochLine(event, secondsAnEpoch(event)));
        break;
      case "end":
        output.line("");
        output.line(
          `Best mAP50 ${event.best.map50.toFixed(3)}, mAP50-95 ${event.best.map.toFixed(3)} in epoch ${event.best.epoch}.`,
        );
        output.line(`Weights: ${colours.bold(event.weights)}`);
        output.line(`Try them: swinyolo predict weights=${event.weights} source=PICTURES`);
        break;
    }
  };
}

const progressLine = (e: BatchEvent): string =>
  `${`${e.epoch}/${e.epochs}`.padStart(10)} ${[e.box, e.obj, e.cls].map((v) => v.toFixed(4).padStart(10)).join(" ")}  ${bar(e.step / e.steps)} ${e.step}/${e.steps}  ${e.instances} objects  ${e.size} px  ${duration(e.secondsLeft)} left`;

function epochLine(e: EpochEvent, each: number): string {
  const numbers = [e.box, e.obj, e.cls].map((v) => v.toFixed(4));
  const scores = [e.precision, e.recall, e.map50, e.map].map((v) => (v === undefined ? "-" : v.toFixed(3)));
  return [
    `${e.epoch}/${e.epochs}`,
    ...numbers,
    ...scores,
    e.imagesPerSecond.toFixed(1),
    `${(e.wait * 100).toFixed(1)} %`,
    duration(each * (e.epochs - e.epoch)),
  ]
    .map((cell) => cell.padStart(10))
    .join(" ");
}
