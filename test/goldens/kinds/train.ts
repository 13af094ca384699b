import {
  averagedWeights,
  createGradients,
  createState,
  currentWeights,
  hostOptimizer,
  type OptimizerKind,
  type TrainState,
} from "swinyolo/engine";
import { type HostArray, hostArray, toFloat32 } from "swinyolo/graph";
import { buildModel, emaDecay, groupNames, type LossOptions } from "swinyolo/nn";
import { runtime } from "../../runtime.js";
import type { GoldenCase, KindRunner, Plain, Results } from "../cases.js";
import { weightsFor } from "../program.js";

/** Whole training steps. */
export const kinds: Record<string, KindRunner> = { train_steps: runSteps };

interface OptimizerOptions {
  readonly kind: OptimizerKind;
  readonly lr: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly accumulate: number;
  readonly gradient_clip_norm: number;
}

async function runSteps(c: GoldenCase): Promise<Results> {
  const ort = await runtime();
  const model = buildModel(c.model_yaml);
  const weights = weightsFor(model.module, c.state());
  const o = c.options.optimiser as OptimizerOptions;
  const loss = c.options.loss as unknown as LossOptions & { anchor_t: number; balance: number[] };
  const ema = c.options.ema as { updates_before_the_first: number; decay: number; tau: number };
  const state = createState(model.module, weights, { optimizer: o.kind });
  state.updates = ema.updates_before_the_first;
  const gradients = createGradients(ort, model, { loss, anchorT: loss.anchor_t });
  const optimizer = hostOptimizer;
  const log: Plain[] = [];
  const results: Results = { parameter_groups: groups(c, state), log };
  const batches = (c.expected.log as { batch: number }[]).map(({ batch }) => batch);
  for (const [step, batch] of batches.entries()) {
    const images = c.array(`x${batch}`);
    const targets = toFloat32(c.array(`targets${batch}`));
    const { loss: sum, parts } = await gradients.run(
      state,
      { images, targets },
      { balance: loss.balance, iteration: step },
    );
    const [box, obj, cls] = parts;
    const line = { step, batch, loss: sum, box, obj, cls, grad_norm_before_clip: 0 };
    if ((step + 1) % o.accumulate === 0) {
      line.grad_norm_before_clip = await optimizer.step(state, {
        biasLr: o.lr,
        lr: o.lr,
        momentum: o.momentum,
        weightDecay: o.weight_decay,
        clipNorm: o.gradient_clip_norm,
        emaDecay: emaDecay(state.updates + 1, ema),
      });
    }
    log.push(line);
    if (step === 1) Object.assign(results, copies("after2", currentWeights(state)));
  }
  const [final, average] = [currentWeights(state), averagedWeights(state)];
  Object.assign(results, copies("final", final), copies("ema", average));
  results.tensors_after = Object.fromEntries(
    [...final].map(([name, array]) => [name, { final: copy(array), ema: copy(average.get(name)!) }]),
  );
  await gradients.release();
  return results;
}

const copy = ({ dtype, shape, data }: HostArray): HostArray => hostArray(dtype, shape, data.slice());

const copies = (prefix: string, arrays: ReadonlyMap<string, HostArray>): Record<string, HostArray> =>
  Object.fromEntries([...arrays].map(([name, array]) => [`${prefix}.${name}`, copy(array)]));

// The groups under the fixture's own titles, names in its order where they are the same.
function groups(c: GoldenCase, state: TrainState): Plain {
  const titles = c.expected.parameter_groups as { group: string; names: string[] }[];
  const decay = (c.options.optimiser as OptimizerOptions).weight_decay;
  return groupNames.map((group, i) => {
    const names = [...state.places].filter(([, { vector }]) => vector === group).map(([name]) => name);
    const order = new Map(titles[i].names.map((name, at) => [name, at]));
    names.sort((a, b) => (order.get(a) ?? -1) - (order.get(b) ?? -1));
    return { group: titles[i].group, weight_decay: group === "weight" ? decay : 0, count: names.length, names };
  });
}
