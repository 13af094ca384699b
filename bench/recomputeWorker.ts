import { argv } from "node:process";
import { rng } from "swinyolo/data";
import { classifierStep, createState, currentWeights, gradientViews, hostOptimizer } from "swinyolo/engine";
import { compile, type HostArray, hostArray } from "swinyolo/graph";
import { buildSwinClassifier, initialState, type SwinVariant, swinVariants } from "swinyolo/nn";
import type { RecomputeCase } from "./benches/recompute.js";
import { watchedRuntime } from "./runtime.js";
import { type Side, type Step, serve } from "./serve.js";

/** Training steps of a Swin V2 classifier with one of the ways to save memory. */
await serve(argv.slice(2), async (one: RecomputeCase): Promise<Side> => {
  const { model, batch, size, window, threads, waiting, way } = one;
  const { runtime } = await watchedRuntime({ waiting });
  const variant = swinVariants[model as SwinVariant];
  const classifier = buildSwinClassifier(variant, { imageSize: size, window, classes: 1000, dropPath: 0 });
  const weights = initialState(classifier.module, rng(0, "weights"));
  const state = createState(classifier.module, weights, { optimizer: "AdamW" });
  const optimizer = hostOptimizer;
  const { graph: traced, open } = classifierStep(classifier, { batch, ...way });
  const program = await compile(runtime, traced, { threads, open });
  const loss = hostArray("float32", []);
  const views = [...gradientViews(state, state.gradients)];
  const into = new Map<string, HostArray>([
    ["loss", loss],
    ...views.map(([name, view]): [string, HostArray] => [`grad.${name}`, view]),
  ]);
  const random = rng(1, "pictures");
  const images = hostArray(
    "float32",
    [batch, 3, size, size],
    Float32Array.from({ length: batch * 3 * size * size }, () => random.normal()),
  );
  const targets = hostArray("float32", [batch, 1000], new Float32Array(batch * 1000).fill(1e-3));
  const step: Step = async () => {
    await program.run(new Map([...currentWeights(state), ["images", images], ["targets", targets]]), into);
    const start = performance.now();
    await optimizer.step(state, { biasLr: 1e-4, lr: 1e-4, momentum: 0.9, weightDecay: 0.05, emaDecay: 0.99 });
    return { value: Number(loss.data[0]), updateMs: performance.now() - start };
  };
  return { step };
});
