import { createGradients, createState, createTraining, graph, nn, rng } from "swinyolo/browser";

const side = 64;
const loss = { box: 0.05, obj: 1, cls: 0.5, cls_pw: 1, obj_pw: 1, fl_gamma: 0, label_smoothing: 0 };
const rates = { biasLr: 0.001, lr: 0.001, momentum: 0.9, weightDecay: 5e-4, clipNorm: 10, emaDecay: 0.9 };

/** Five training steps of a detector on noise; the same in Node and in a page. Returns their losses. */
export async function fiveSteps(runtime: graph.Runtime, yaml: object, device: string): Promise<number[]> {
  const model = nn.buildModel(yaml);
  const weights = nn.initialState(model.module, rng(1, "weights"));
  const state = createState(model.module, weights, { optimizer: "SGD" });
  const training = await createTraining(runtime, state, { device });
  const gradients = createGradients(runtime, model, { device, loss, anchorT: 4, steps: training.steps });
  const random = rng(1, "pictures");
  const pixels = Uint8Array.from({ length: 4 * 3 * side * side }, () => random.int(256));
  const images = graph.hostArray("uint8", [4, 3, side, side], pixels);
  const targets = Float32Array.from([0, 1, 2, 3].flatMap((i) => [i, i, 0.3 + i / 10, 0.5, 0.4, 0.5]));
  const losses: number[] = [];
  for (let iteration = 0; iteration < 5; iteration++) {
    losses.push((await gradients.run(state, { images, targets }, { balance: [4, 1, 0.4], iteration })).loss);
    await training.optimizer.step(state, rates);
  }
  await training.release();
  return losses;
}
