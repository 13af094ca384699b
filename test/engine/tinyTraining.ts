import { rng } from "swinyolo/data";
import {
  averagedWeights,
  createGradients,
  createResidentTraining,
  createState,
  createTraining,
  type LossScale,
  type TrainState,
} from "swinyolo/engine";
import { type HostArray, hostArray } from "swinyolo/graph";
import { buildModel, initialState } from "swinyolo/nn";
import { runtime } from "../runtime.js";

export const loss = { box: 0.05, obj: 1, cls: 0.5, cls_pw: 1, obj_pw: 1, fl_gamma: 0, label_smoothing: 0 };
export const rates = { biasLr: 0.1, lr: 0.01, momentum: 0.9, weightDecay: 5e-4, clipNorm: 10, emaDecay: 0.5 };
/** A detector with a convolution, a Swin block and a pool at 32 px. */
export const tiny = {
  nc: 2,
  depth_multiple: 1,
  width_multiple: 1,
  anchors: [[10, 13, 16, 30]],
  backbone: [
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [32, 3, 2]],
    [-1, 1, "SwinV2_CSPB", [32, 32]],
    [-1, 1, "Conv", [32, 3, 2]],
    [-1, 1, "SPPF", [32, 5]],
  ],
  head: [[[4], 1, "Detect", ["nc", "anchors"]]],
};
export const batches = [0, 1, 2, 3].map((i) => {
  const random = rng("batch", i);
  return {
    images: hostArray(
      "uint8",
      [2, 3, 32, 32],
      Uint8Array.from({ length: 2 * 3 * 32 * 32 }, () => random.int(256)),
    ),
    targets: Float32Array.of(0, 1, 0.4, 0.5, 0.5, 0.4, 1, 0, 0.6, 0.5, 0.3, 0.6),
  };
});

// Four batches, a step after the second and the fourth.
interface Where {
  readonly device: string;
  readonly resident: boolean;
  readonly lossScale?: LossScale;
  /** All where left out. */
  readonly batches?: number;
}

/** Trains the tiny detector a little; with its losses and gradient norms in turn. */
export async function trained(kind: "SGD" | "AdamW", where: Where) {
  const model = buildModel(tiny);
  const weights = initialState(model.module, rng(1));
  const ort = await runtime();
  const state = createState(model.module, weights, { optimizer: kind });
  const options = { loss, anchorT: 4, threads: 1, device: where.device, lossScale: where.lossScale };
  const training = await (where.resident ? createResidentTraining : createTraining)(ort, state, options);
  const gradients = createGradients(ort, model, { ...options, steps: training.steps });
  const losses: number[] = [];
  for (const [iteration, batch] of batches.slice(0, where.batches).entries()) {
    losses.push((await gradients.run(state, batch, { balance: [1], iteration })).loss);
    if (iteration % 2 === 1) losses.push(await training.optimizer.step(state, rates));
  }
  await training.sync();
  await training.release();
  return { losses, state };
}

/** The largest difference between two states' averaged weights, each array's relative to its largest number. */
export function furthest(a: TrainState, b: TrainState): number {
  const [x, y] = [a, b].map((state) => [...averagedWeights(state)]);
  return Math.max(...x.map(([name, array], i) => distance(name, array, y[i][1])));
}

function distance(name: string, { data: a }: HostArray, { data: b }: HostArray): number {
  let [most, size] = [0, 1e-3];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs(Number(a[i]) - Number(b[i])));
    size = Math.max(size, Math.abs(Number(b[i])));
  }
  if (Number.isNaN(most)) throw new Error(`${name} is not a number`);
  return most / size;
}
