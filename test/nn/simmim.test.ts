import { drawMask, localNorm, rng } from "swinyolo/data";
import {
  compile,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  type Program,
  type Tensor,
  toFloat64,
} from "swinyolo/graph";
import { buildSwinClassifier, maskedLoss, namedParams, paramInputs, simmim } from "swinyolo/nn";
import { afterAll, expect, it } from "vitest";
import { runtime } from "../runtime.js";
import { array, filledByFormula, u } from "./formula.js";

// The net of swinVectors.test.ts, window 4, without a head; numbers computed in float64.
const model = simmim(
  buildSwinClassifier({ embedDim: 8, depths: [2, 2], heads: [2, 4], imageSize: 32, window: 4 }, { classes: 0 }),
);
const size = { width: 32, height: 32 };
const coarse = ["1011 0110 1101 0101", "0110 1110 0011 1101"].flatMap((one) => [...one.replaceAll(" ", "")]);
// Each of 4 x 4 cells is 2 x 2 patches.
const mask = array([2, 8, 8], (i) => {
  const [picture, y, x] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
  return Number(coarse[picture * 16 + (y >> 1) * 4 + (x >> 1)]);
});
const pictures = array([2, 3, 32, 32], (i) => 4 * u(1000, i));
const gradientsOf = ["encoder.mask_token", "decoder.0.weight", "encoder.layers.0.blocks.1.attn.logit_scale"];

function traced() {
  const x = input([2, 3, 32, 32]);
  const [masked, target] = [input([2, 8, 8]), input([2, 3, 32, 32])];
  const made = model.module(x, masked);
  const inputs = new Map<string, Tensor>([
    ...paramInputs(model.module),
    ["x", x],
    ["mask", masked],
    ["target", target],
  ]);
  return { inputs, encoded: model.encode(x, masked), made, loss: maskedLoss(made, target, masked) };
}

// One program for all tests.
let compiled: Promise<Program> | undefined;
async function make(): Promise<Program> {
  const { inputs, encoded, made, loss } = traced();
  const gradients = grad(
    loss,
    gradientsOf.map((name) => inputs.get(name)!),
  );
  const found = gradientsOf.map((name, i): [string, Tensor] => [`grad ${name}`, gradients[i]]);
  const outputs = new Map([...found, ["encoded", encoded], ["made", made], ["loss", loss]]);
  return compile(await runtime(), graph(inputs, outputs));
}
afterAll(async () => (await compiled)?.release());

async function computed(target: HostArray, weights = filledByFormula(model.module)): Promise<Map<string, HostArray>> {
  compiled ??= make();
  return (await compiled).run(new Map([...weights, ["x", pictures], ["mask", mask], ["target", target]]));
}

it("has the official names, in their places", () => {
  const names = [...namedParams(model.module)]
    .flatMap(([name, { kind }]) => (kind === "parameter" ? [name] : []))
    .sort();
  expect(names.length).toBe(80);
  expect(names.slice(0, 2)).toEqual(["decoder.0.bias", "decoder.0.weight"]);
  expect([names.indexOf("encoder.mask_token"), names.indexOf("encoder.patch_embed.proj.weight")]).toEqual([73, 79]);
});

it("encodes, reconstructs and judges as in float64", async () => {
  const raw = await computed(pictures);
  const encoded = toFloat64(raw.get("encoded")!);
  for (const [i, value] of [0.63334649, 0.78552548, 0.67410844].entries()) expect(encoded[i]).toBeCloseTo(value, 4);
  const made = toFloat64(raw.get("made")!);
  for (const [i, value] of [-0.93887334, -1.29241958, -0.58947039, -0.30339045].entries())
    expect(made[i]).toBeCloseTo(value, 4);
  expect(made[(1 * 32 + 3) * 32 + 5]).toBeCloseTo(-2.13573004, 4);
  expect(Math.sqrt(made.reduce((sum, v) => sum + v * v, 0) / made.length)).toBeCloseTo(1.23665224, 4);
  expect(toFloat64(raw.get("loss")!)[0]).toBeCloseTo(1.35824081, 5);
  const normalised = hostArray("float32", pictures.shape, localNorm(pictures.data as Float32Array, size, 5));
  expect(toFloat64((await computed(normalised)).get("loss")!)[0]).toBeCloseTo(1.25519085, 5);
});

it("has the gradients that small steps along them show", async () => {
  const weights = filledByFormula(model.module);
  const gradients = await computed(pictures, weights);
  for (const name of gradientsOf) {
    const direction = gradients.get(`grad ${name}`)!.data as Float32Array;
    const squares = direction.reduce((sum, v) => sum + v * v, 0);
    const step = 2e-3 / Math.sqrt(squares);
    const at = async (sign: number) => {
      const { shape, data } = weights.get(name)!;
      const moved = hostArray(
        "float32",
        shape,
        (data as Float32Array).map((v, i) => v + sign * step * direction[i]),
      );
      return toFloat64((await computed(pictures, new Map([...weights, [name, moved]]))).get("loss")!)[0];
    };
    const slope = ((await at(1)) - (await at(-1))) / (2 * step);
    expect(slope / squares, name).toBeCloseTo(1, 1);
  }
});

it("normalises by the surroundings", () => {
  const found = localNorm(
    Float32Array.from({ length: 36 }, (_, i) => u(2000, i)),
    { width: 6, height: 6 },
    3,
  );
  const rows = [
    [0, -0.636917, 0.067128, -0.203462, -1.278057, 1.014493, -1.361628],
    [2, -1.081745, 0.217816, -1.135405, -1.051778, 0.947474, -0.022006],
  ];
  for (const [row, ...values] of rows)
    for (const [x, value] of values.entries()) expect(found[row * 6 + x]).toBeCloseTo(value, 4);
});

it("hides so many whole cells, the same for the same seed", () => {
  const draw = (seed: number) =>
    drawMask({ width: 192, height: 192 }, { cell: 32, ratio: 0.6, patch: 4 }, rng(seed, "mask"));
  const drawn = draw(0);
  expect(drawn.length).toBe(48 * 48);
  expect(drawn.reduce((sum, v) => sum + v, 0)).toBe(22 * 64);
  for (let i = 0; i < drawn.length; i++) {
    const [y, x] = [Math.floor(i / 48), i % 48];
    expect(drawn[i]).toBe(drawn[(y - (y % 8)) * 48 + x - (x % 8)]);
  }
  expect(draw(0)).toEqual(drawn);
  expect(draw(1)).not.toEqual(drawn);
  expect(() => drawMask(size, { cell: 12, ratio: 0.5, patch: 4 }, rng(0))).toThrow(
    /does not divide pictures of 32 x 32/,
  );
});

it("decays products and the decoder's weight only, with layers numbered as the encoder's", () => {
  const names = [...namedParams(model.module)].flatMap(([name, { kind }]) => (kind === "parameter" ? [name] : []));
  const decayed = names.filter((name) => !model.undecayed(name));
  expect(new Set(decayed.map((name) => name.split(".").slice(-2).join(".")))).toEqual(
    new Set(["proj.weight", "qkv.weight", "fc1.weight", "fc2.weight", "reduction.weight", "0.weight"]),
  );
  expect(decayed.filter((name) => /cpb_mlp|logit_scale|mask_token/.test(name))).toEqual([]);
  expect(
    ["encoder.mask_token", "encoder.layers.0.blocks.0.mlp.fc1.weight", "encoder.norm.weight", "decoder.0.weight"].map(
      model.depthOf,
    ),
  ).toEqual([0, 1, 5, 5]);
});
