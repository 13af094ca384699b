import { argv, stdout } from "node:process";

/**
 *     startupWorker.js detect WEIGHTS PICTURE   one detection; says so when it is there
 *     startupWorker.js phases MODEL             milliseconds of what comes before the first step, as JSON
 */
async function main([mode, ...args]: readonly string[]): Promise<void> {
  const answer = mode === "detect" ? await detect(args[0], args[1]) : await phases(args[0]);
  stdout.write(`${JSON.stringify(answer)}\n`);
}

async function detect(weights: string, picture: string): Promise<object> {
  const { Detector } = await import("swinyolo/engine");
  const detector = await Detector.load(weights);
  const [{ boxes }] = await detector.predict(picture, { imgsz: 640 });
  return { boxes: boxes.length };
}

async function phases(name: string): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  const timed = async <T>(what: string, act: () => T | Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await act();
    times[what] = performance.now() - start;
    return result;
  };
  const [engine, graphs, nn, data] = await timed("import of swinyolo's parts", () =>
    Promise.all([import("swinyolo/engine"), import("swinyolo/graph"), import("swinyolo/nn"), import("swinyolo/data")]),
  );
  const runtime = await timed("import of onnxruntime-node", () => engine.loadRuntime());
  const { yaml, place } = engine.readModelFile(name);
  const model = await timed(`${name}: model from YAML`, () => nn.buildModel(yaml, { place }));
  const weights = await timed(`${name}: fresh weights`, () => nn.initialState(model.module, data.rng(0, "weights")));
  const learned = [...nn.namedParams(model.module)].filter(([, { kind }]) => kind === "parameter").map(([key]) => key);
  const loss = { box: 1, obj: 1, cls: 1, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
  const images = [4, model.ch, 320, 320];
  const build = {
    "training 4x320": () =>
      engine.stepGraph({ model, learned, images, capacity: 256, options: { loss, anchorT: 4 } }).graph,
    "inference 1x640": () => engine.bindWeights(engine.forwardGraph(model, [1, model.ch, 640, 640]), weights),
  };
  for (const [what, make] of Object.entries(build)) {
    const graph = await timed(`${name}: ${what}: graph`, make);
    const bytes = await timed(`${name}: ${what}: ONNX writing`, () => graphs.toOnnx(graph));
    await timed(`${name}: ${what}: session`, () => graphs.openModel(runtime, bytes));
  }
  return times;
}

await main(argv.slice(2));
