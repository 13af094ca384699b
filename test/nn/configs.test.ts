import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readModelFile } from "swinyolo/engine";
import { foldBatchNorm, graph, input, sizeOf } from "swinyolo/graph";
import {
  buildModel,
  countFlops,
  countModules,
  countParameters,
  type DetectionModel,
  isClassifier,
  paramInputs,
} from "swinyolo/nn";
import { describe, expect, it } from "vitest";
import { hasShared, root, shared } from "../paths.js";

const folder = join(root, "configs", "models");

function build(file: string): DetectionModel {
  const { yaml, place } = readModelFile(file);
  return buildModel(yaml, { place });
}

const isClassifierFile = (name: string) => isClassifier(readModelFile(join(folder, `${name}.yaml`)).yaml);

const forward = (model: DetectionModel, side: number) => {
  const x = input([1, model.ch, side, side]);
  const maps = model.module(x);
  return graph(new Map([...paramInputs(model.module), ["x", x]]), new Map(maps.map((map, i) => [`map.${i}`, map])));
};

// name, modules, parameters, parameters after folding (where published)
const published: [string, number, number, number?][] = [
  ["yolov5n", 214, 1_872_157, 1_867_405],
  ["yolov5s", 214, 7_235_389, 7_225_885],
  ["yolov5m", 291, 21_190_557, 21_172_173],
  ["yolov5l", 368, 46_563_709, 46_533_693],
  ["yolov5x", 445, 86_749_405, 86_705_005],
  ["yolov5n6", 281, 3_246_940, 3_239_884],
  ["yolov5s6", 281, 12_626_620, 12_612_508],
  ["yolov5m6", 379, 35_731_932, 35_704_908],
  ["yolov5l6", 477, 76_770_172, 76_726_332],
  ["yolov5x6", 575, 140_794_780, 140_730_220],
  ["yolov3", 262, 61_949_149],
  ["yolov3-spp", 270, 62_998_749],
  ["yolov3-tiny", 49, 8_852_366],
  ["yolov5-bifpn", 368, 46_825_853],
  ["yolov5-fpn", 328, 41_117_565],
  ["yolov5-panet", 368, 46_563_709],
  ["yolov5-p2", 428, 47_493_372],
  ["yolov5-p34", 191, 5_331_518],
  ["yolov5-p6", 477, 76_770_172],
  ["yolov5-p7", 586, 144_281_723],
  ["yolov5s-ghost", 389, 3_897_605],
  ["yolov5s-transformer", 217, 7_235_645],
  ["yolov5s-LeakyReLU", 214, 7_235_389],
  ["yolov5s-swinv2", 264, 6_256_465, 6_248_753],
  ["yolov5n-swinv2", 264, 1_635_623, 1_631_767],
];

describe("shipped models", () => {
  it.each(published)("%s has %i modules and %i parameters", (name, modules, parameters, fused) => {
    const model = build(join(folder, `${name}.yaml`));
    expect(countModules(model.module)).toBe(modules);
    expect(countParameters(model.module)).toBe(parameters);
    if (fused === undefined) return;
    const { folded } = foldBatchNorm(forward(model, Math.max(64, model.stride)));
    const channels = [...folded].filter(([key]) => key.endsWith(".bias")).map(([, bias]) => sizeOf(bias.shape));
    expect(parameters - channels.reduce((a, b) => a + b)).toBe(fused);
  });

  const others = readdirSync(folder)
    .map((file) => file.replace(".yaml", ""))
    .filter((name) => !published.some(([known]) => known === name) && !isClassifierFile(name));

  it.each(others)("%s builds", (name) => {
    expect(build(join(folder, `${name}.yaml`)).strides).toEqual([8, 16, 32]);
  });
});

it.runIf(hasShared)("the post's own file loads as it is", () => {
  const model = build(shared("models", "yolov5_swin_transfomrer.yaml"));
  expect(countParameters(model.module)).toBe(6_256_465);
  expect(countFlops(forward(model, 640)) / 1e9).toBeCloseTo(16.091032576, 9);
  expect(model.layers[6]).toMatchObject({ repeats: 3, args: { c1: 256, c2: 128, n: 3, shortcut: 256 } });
});

it("yolov5s has the published parameters in every layer", () => {
  const counts = build(join(folder, "yolov5s.yaml")).layers.map(({ parameters }) => parameters);
  expect(counts).toEqual([
    3520, 18560, 18816, 73984, 115712, 295424, 625152, 1180672, 1182720, 656896, 131584, 0, 0, 361984, 33024, 0, 0,
    90880, 147712, 0, 296448, 590336, 0, 1182720, 229245,
  ]);
});
