import {
  averagedWeights,
  classifierStep,
  classifyGraph,
  createState,
  createTraining,
  currentWeights,
  nativeClassifier,
  type TrainState,
} from "swinyolo/engine";
import { compile, type HostArray, hostArray } from "swinyolo/graph";
import { buildClassifier, type Classifier, emaDecay } from "swinyolo/nn";
import { agreement } from "./agree.js";
import { movedName } from "./check.js";
import { nudged } from "./nudge.js";
import type { CaseFile } from "./prepare.js";
import { copy, gradientsOf } from "./results.js";
import type { Watched } from "./runtime.js";
import type { Step } from "./serve.js";

interface Setting {
  readonly one: CaseFile;
  readonly model: Classifier;
  readonly weights: Map<string, HostArray>;
  /** `input.images` normalised [b, 3, h, w], `input.targets` [b, classes]. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly watched: Watched;
}

/** A step of our side of a classifier's case. */
export const classifierSteps = { train, inference };

/** The classifier of a case. */
export const classifierOf = ({ yaml }: CaseFile, side: number): { model: Classifier } => ({
  model: buildClassifier(yaml, { imageSize: [side, side] }),
});

async function train({ one, model, weights, tensors, watched: { runtime } }: Setting): Promise<Step> {
  const { threads, rates, ema } = one;
  const batch = { images: tensors.get("input.images")!, targets: tensors.get("input.targets")! };
  const state = createState(model.module, weights, { optimizer: "SGD" });
  const { steps, optimizer } = await createTraining(runtime, state, { threads });
  const gradients = async (of: TrainState, iteration: number): Promise<number> => {
    const made = await steps.run(of, new Map(Object.entries(batch)), {
      key: "batch",
      iteration,
      graph: (learned) => classifierStep(model, { batch: batch.images.shape[0], learned }),
    });
    return (made.get("loss")!.data as Float32Array)[0];
  };
  // How far the gradients move when the weights do in their last places.
  const moved = async (still: ReadonlyMap<string, HostArray>): Promise<number> => {
    const other: TrainState = createState(model.module, nudged(weights, 0), { optimizer: "SGD" });
    await gradients(other, 0);
    return agreement(gradientsOf(other), still).worst;
  };
  let iteration = 0;
  return async (results) => {
    const loss = await gradients(state, iteration++);
    if (results) {
      const program = await compile(runtime, classifyGraph(model, batch.images.shape), { threads });
      const { data, shape } = (await program.run(new Map([...weights, ["images", batch.images]]))).get("logits")!;
      results.set("map.0", hostArray("float32", shape, data));
      const made = gradientsOf(state);
      for (const [name, gradient] of made) results.set(name, gradient);
      results.set("loss", hostArray("float32", [], Float32Array.of(loss)));
      results.set("parts", hostArray("float32", [1], Float32Array.of(loss)));
      results.set(movedName, hostArray("float32", [], Float32Array.of(await moved(made))));
    }
    const start = performance.now();
    await optimizer.step(state, { ...rates, emaDecay: emaDecay(state.updates + 1, ema) });
    if (results) {
      copy(currentWeights(state), "after.", results);
      copy(averagedWeights(state), "ema.", results);
    }
    return { value: loss, updateMs: performance.now() - start };
  };
}

async function inference({ one, model, weights, tensors, watched: { runtime } }: Setting): Promise<Step> {
  const images = tensors.get("input.images")!;
  const { threads } = one;
  const backend = nativeClassifier(runtime, { model, weights, names: [] }, { threads });
  return async (results) => {
    const rows = await backend.run(images);
    if (results) {
      const program = await compile(runtime, classifyGraph(model, images.shape), { threads });
      const { data, shape } = (await program.run(new Map([...weights, ["images", images]]))).get("logits")!;
      results.set("map.0", hostArray("float32", shape, data));
      results.set("rows", hostArray("float32", shape, Float32Array.from(rows.flatMap((row) => [...row]))));
    }
    return { value: rows[0][0] };
  };
}
