import {
  isClassifyCall,
  isPretrainCall,
  parseClassifyOptions,
  parseOptions,
  parsePretrainOptions,
} from "../../engine/config/index.js";
import { type ClassifyEvent, type PretrainEvent, train as run, type TrainEvent } from "../../engine/index.js";
import { bar, type Output } from "../output.js";
import type { Call } from "./index.js";
import { createClassifyTalk, createDetectTalk, createPretrainTalk } from "./trainTalk.js";

/** `swinyolo train`: a line an epoch, progress between. */
export async function train(call: Call): Promise<void> {
  const { given, output } = call;
  if (isPretrainCall("train", given)) {
    const named = { ...given, task: "pretrain" } as const;
    const show = createPretrainTalk(output);
    return follow(call, { ...parsePretrainOptions(given), events: (_, context) => run(named, context), show });
  }
  if (!isClassifyCall("train", given))
    return follow(call, { ...parseOptions("train", given).options, events: run, show: createDetectTalk(output) });
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
