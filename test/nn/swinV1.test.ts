import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rng } from "swinyolo/data";
import {
  createGradients,
  createState,
  encodePt,
  hostOptimizer,
  loadRuntime,
  parsePt,
  readModelFile,
} from "swinyolo/engine";
import {
  compile,
  constant,
  type Graph,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  reshape,
  type Tensor,
  toFloat64,
  transpose,
} from "swinyolo/graph";
import {
  bindArgs,
  blocks,
  buildModel,
  countParameters,
  initialState,
  type Module,
  namedParams,
  paramInputs,
  parseActivation,
  swinTokensV1,
} from "swinyolo/nn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-swin-"));
afterAll(() => rmSync(folder, { recursive: true }));

const build = (name: string, ...values: number[]): Module =>
  blocks[name].build(bindArgs(blocks[name], values) as never, {
    activation: parseActivation("nn.SiLU()"),
    channels: [values[0]],
  }) as Module;

// Sums computed in float64 from parameters and input by formula, padding and shift included.
describe("a Swin V1 layer of 32 channels and 2 heads on a 5 x 9 map", () => {
  it.each([
    [0, 209.16160448552074, 738.2205758912214, [0.0284033929, 0.038403501, 0.0484025989], 1.0192417909886702],
    [4, 209.1614798749817, 738.2204088639921, [0.0283938772, 0.038393961, 0.0483930288], 1.0192422204533538],
  ])("shift %i", async (shift, sum, squares, first, last) => {
    const tokens = swinTokensV1(32, 2, { shift });
    const x = input([1, 32, 5, 9]);
    const rows = tokens(transpose(reshape(x, [1, 32, 45]), [0, 2, 1]), { height: 5, width: 9 });
    const g = graph(new Map([...paramInputs(tokens), ["x", x]]), { y: transpose(rows, [0, 2, 1]) });
    const feeds = new Map([["x", wave(x.shape, (k) => Math.sin(0.01 * k))]]);
    const learned = [...namedParams(tokens)].filter(([, { kind }]) => kind === "parameter");
    for (const [j, [name, { tensor }]] of learned.entries()) {
      feeds.set(
        name,
        wave(tensor.shape, (k) => 0.05 * Math.sin(0.1 * k + j)),
      );
    }
    const y = toFloat64((await run(g, feeds)).get("y")!);
    expect(y.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 3);
    expect(y.reduce((a, b) => a + b * b, 0)).toBeCloseTo(squares, 2);
    for (const [i, value] of first.entries()) expect(y[i]).toBeCloseTo(value, 6);
    expect(y[y.length - 1]).toBeCloseTo(last, 6);
  });
});

it("has the names of the first version's weights, in this order", () => {
  expect([...namedParams(swinTokensV1(64, 2)).keys()].join(" ")).toBe(
    "norm1.weight norm1.bias attn.relative_position_bias_table attn.relative_position_index attn.qkv.weight attn.qkv.bias attn.proj.weight attn.proj.bias norm2.weight norm2.bias mlp.fc1.weight mlp.fc1.bias mlp.fc2.weight mlp.fc2.bias",
  );
  expect(countParameters(swinTokensV1(64, 2))).toBe(50_434);
});

// c1 = c2, layers
const sizes = [
  [64, 1],
  [128, 1],
  [256, 1],
  [256, 3],
  [512, 1],
  [512, 2],
];

it.each([
  ["Swin_Transformer_A", [21_377, 83_714, 331_268, 729_612, 1_317_896, 2_109_456]],
  ["Swin_Transformer_B", [67_202, 265_476, 1_055_240, 2_638_360, 4_207_632, 7_363_616]],
  ["Swin_Transformer_C", [22_465, 87_938, 347_908, 746_252, 1_383_944, 2_175_504]],
  ["Swin_v2_A", [23_169, 85_762, 333_828, 737_292, 1_321_480, 2_116_624]],
  ["Swin_v2_B", [69_250, 268_036, 1_058_824, 2_649_112, 4_213_264, 7_374_880]],
  ["Swin_v2_C", [24_257, 89_986, 350_468, 753_932, 1_387_528, 2_182_672]],
])("%s has the parameters of its namesake", (name, expected) => {
  const alias = name.replace("Swin_Transformer_", "STCSP").replace("Swin_v2_", "ST2CSP");
  for (const one of [name, alias]) {
    expect(sizes.map(([c, n]) => countParameters(build(one, c, c, n)))).toEqual(expected);
  }
});

describe("rows", () => {
  const yaml = readModelFile("yolov5s-swin.yaml").yaml as { backbone: unknown[][]; width_multiple: number };
  const withRow = (row: number, module: string, args: number[]) => ({
    ...yaml,
    backbone: yaml.backbone.map((one, i) => (i === row ? [one[0], one[1], module, args] : one)),
  });

  it("Swin_v2_A in the place of Swin_Transformer_A", () => {
    const both = withRow(6, "Swin_v2_A", [256, 256]);
    both.backbone[8] = [-1, 3, "Swin_v2_A", [512, 512]];
    expect(countParameters(buildModel(both).module)).toBe(7_750_481);
  });

  it("with widths as they stand are copies of one layer each", () => {
    const { repeats, args, parameters } = buildModel(yaml).layers[6];
    expect({ repeats, args, parameters }).toMatchObject({
      repeats: 3,
      args: { c1: 256, c2: 256, n: 1 },
      parameters: 3 * 331_268,
    });
    expect(() => buildModel({ ...yaml, width_multiple: 0.25 })).toThrow(
      /row 6 \(Swin_Transformer_A\): .*input has 128 channels, weight expects 256/,
    );
  });

  it("C3STR has its width scaled and the repeats inside", () => {
    const { repeats, args, parameters } = buildModel(withRow(6, "C3STR", [512])).layers[6];
    expect({ repeats, args, parameters }).toMatchObject({
      repeats: 3,
      args: { c1: 256, c2: 256, n: 3 },
      parameters: 729_612,
    });
  });

  it.each([
    ["C3STR", [32], "argument c2: got 16, expected at least 64, the width of a head, over e 0.5"],
    ["Swin_v2_B", [256, 16], "argument c2: got 16, expected at least 32, the width of a head"],
    ["Swin_Transformer_C", [256, 208], "a width of 104 does not divide among 3 heads"],
  ])("%s %j is refused", (name, args, message) => {
    expect(() => buildModel(withRow(6, name, args))).toThrow(`row 6 (${name}): ${message}`);
  });
});

const python = "/usr/bin/python3";
const hasTorch = (() => {
  try {
    execFileSync(python, ["-c", "import importlib.util as u; assert u.find_spec('torch')"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("no python3 with torch: Swin V1 blocks are not compared with PyTorch");
    return false;
  }
})();

// Written from the description of the blocks: float64, whole windows of a padded map, autograd.
const torchCode = `
import sys, torch
from torch.nn import functional as F
torch.set_num_threads(1)
w = 8

def linear(x, p): return F.linear(x, s[p + ".weight"], s[p + ".bias"])
def norm(x, p): return F.layer_norm(x, x.shape[-1:], s[p + ".weight"], s[p + ".bias"])
def conv(x, p):
    y = F.conv2d(x, s[p + ".conv.weight"])
    return F.silu(F.batch_norm(y, None, None, s[p + ".bn.weight"], s[p + ".bn.bias"], True, eps=1e-3))

def windows(x):
    b, h, v, c = x.shape
    return x.reshape(b, h // w, w, v // w, w, c).transpose(2, 3).reshape(-1, w * w, c)

def attention(x, mask, p):
    n, t, c = x.shape
    q, k, v = [y.reshape(n, t, heads, -1).transpose(1, 2) for y in linear(x, p + ".qkv").split(c, -1)]
    place = torch.arange(t)
    down, right = place[:, None] // w - place // w, place[:, None] % w - place % w
    bias = s[p + ".relative_position_bias_table"][(down + w - 1) * (2 * w - 1) + right + w - 1]
    logits = q @ k.transpose(2, 3) * (c // heads) ** -0.5 + bias.permute(2, 0, 1)
    logits = logits.reshape(-1, len(mask), heads, t, t) + mask[:, None]
    y = logits.softmax(-1).reshape(n, heads, t, t) @ v
    return linear(y.transpose(1, 2).reshape(n, t, c), p + ".proj")

def layer(x, shift, p):
    b, c, height, width = x.shape
    x = F.pad(x, (0, -width % w, 0, -height % w)).permute(0, 2, 3, 1)
    h, v = x.shape[1:3]
    regions = torch.zeros(1, h, v, 1)
    cuts = [slice(0, -w), slice(-w, -shift), slice(-shift, None)] if shift else [slice(None)]
    for i, rows in enumerate(cuts):
        for j, columns in enumerate(cuts): regions[:, rows, columns] = i * 3 + j
    of = windows(regions).squeeze(-1)
    mask = (of[:, :, None] != of[:, None, :]).double() * -100
    y = windows(norm(x, p + ".norm1").roll((-shift, -shift), (1, 2)))
    y = attention(y, mask, p + ".attn").reshape(b, h // w, v // w, w, w, c).transpose(2, 3).reshape(b, h, v, c)
    x = x + y.roll((shift, shift), (1, 2))
    act = F.gelu if gelu else F.silu
    x = x + linear(act(linear(norm(x, p + ".norm2"), p + ".mlp.fc1")), p + ".mlp.fc2")
    return x.permute(0, 3, 1, 2)[:, :, :height, :width]

def m(x):
    for i in range(layers): x = layer(x, w // 2 * (i % 2), f"m.blocks.{i}")
    return x

for case in sys.argv[1:]:
    name, form, heads, layers = case.split(",")
    heads, layers, gelu = int(heads), int(layers), name == "C3STR"
    s = {k: v.double().requires_grad_() for k, v in torch.load(name + ".pt").items() if v.is_floating_point()}
    x, a = s["x"], conv(s["x"], "cv1")
    if form == "A": y = conv(torch.cat((m(a), conv(x, "cv2")), 1), "cv3")
    if form == "B": y = conv(torch.cat((m(a), conv(a, "cv2")), 1), "cv3")
    if form == "C": y = conv(torch.cat((conv(m(a), "cv3"), conv(x, "cv2")), 1), "cv4")
    (y * s["probe"].detach()).sum().backward()
    out = {k: v.grad.float() for k, v in s.items() if v.grad is not None}
    torch.save({**out, "y": y.detach().float()}, name + ".out.pt")
`;

// name, form, c1, c2, layers, heads
const cases = [
  ["Swin_Transformer_A", "A", 40, 128, 2, 2],
  ["Swin_Transformer_B", "B", 32, 64, 1, 2],
  ["Swin_Transformer_C", "C", 32, 64, 2, 1],
  ["C3STR", "A", 64, 64, 2, 1],
] as const;

describe.skipIf(!hasTorch)("values and gradients are PyTorch's, padded and shifted", () => {
  const sides = cases.map(([name, , ...sizes]) => ({ name, ...withGradients(build(name, ...sizes.slice(0, 3)), 2) }));
  beforeAll(() => {
    for (const { name, feeds } of sides) writeFileSync(join(folder, `${name}.pt`), encodePt(feeds));
    const given = cases.map(([name, form, , , layers, heads]) => [name, form, heads, layers].join(","));
    execFileSync(python, ["-c", torchCode, ...given], { cwd: folder });
  });

  it.each(sides)("$name", async ({ name, g, feeds, wrt }) => {
    const { tensors } = parsePt(readFileSync(join(folder, `${name}.out.pt`)));
    const ours = await run(g, new Map([...feeds].filter(([key]) => g.inputs.has(key))));
    expect(wrt.length).toBeGreaterThan(20);
    for (const key of ["y", ...wrt]) {
      const expected = toFloat64(tensors.get(key)!);
      const found = toFloat64(ours.get(key === "y" ? "y" : `grad.${key}`)!);
      const largest = Math.max(...expected.map(Math.abs));
      const off = Math.max(...expected.map((value, i) => Math.abs(value - found[i])));
      // Sums over the whole batch lose a few digits in fp32.
      expect(off, `${key}: off by ${off}, largest ${largest}`).toBeLessThan(1e-4 * largest + 1e-5);
    }
  });
});

it.each(["Swin_Transformer_C", "C3STR"])("the gradient of %s is its slope in every parameter", async (name) => {
  const block = build(name, 32, 64, 2);
  const { g, feeds, wrt } = withGradients(block, 1);
  const program = await compile(await runtime(), g);
  const fed = new Map([...feeds].filter(([key]) => g.inputs.has(key)));
  const probe = toFloat64(feeds.get("probe")!);
  const value = (y: HostArray) => toFloat64(y).reduce((sum, one, i) => sum + one * probe[i], 0);
  const slopes = await program.run(fed);
  for (const key of wrt) {
    const array = fed.get(key)!;
    const slope = toFloat64(slopes.get(`grad.${key}`)!);
    // Along the gradient the slope is its norm.
    const norm = Math.hypot(...slope);
    const along = async (by: number) => {
      const moved = Float32Array.from(array.data as Float32Array, (v, i) => v + (by * slope[i]) / (norm || 1));
      return value((await program.run(new Map([...fed, [key, hostArray("float32", array.shape, moved)]]))).get("y")!);
    };
    const h = 1e-2;
    const difference = ((await along(h)) - (await along(-h))) / (2 * h);
    expect(Math.abs(difference - norm), `${key}: ${difference} for ${norm}`).toBeLessThan(0.01 * norm + 0.01);
  }
  await program.release();
});

it("rows of Swin V1 learn a batch", async () => {
  const row = (from: number | number[], module: string, args: unknown[], number = 1) => [from, number, module, args];
  const model = buildModel({
    nc: 2,
    depth_multiple: 0.33,
    width_multiple: 0.5,
    anchors: [[10, 13, 16, 30, 33, 23]],
    backbone: [
      row(-1, "Conv", [64, 6, 4, 2]),
      row(-1, "Conv", [128, 3, 2]),
      row(-1, "Swin_Transformer_A", [64, 64], 6),
      row(-1, "C3STR", [128], 6),
    ],
    head: [row([3], "Detect", ["nc", "anchors"])],
  });
  const loaded = await loadRuntime();
  const state = createState(model.module, initialState(model.module, rng(0, "weights")), { optimizer: "SGD" });
  const loss = { box: 0.05, obj: 1, cls: 0.5, obj_pw: 1, cls_pw: 1, fl_gamma: 0, label_smoothing: 0 };
  const gradients = createGradients(loaded, model, { threads: 1, loss, anchorT: 4, recompute: "none" });
  const optimizer = hostOptimizer;
  const random = rng(0, "pictures");
  const images = hostArray(
    "uint8",
    [2, 3, 72, 72],
    Uint8Array.from({ length: 6 * 72 * 72 }, () => random.int(256)),
  );
  const targets = Float32Array.of(0, 1, 0.5, 0.5, 0.4, 0.3, 1, 0, 0.3, 0.6, 0.2, 0.5);
  const rates = { biasLr: 0.01, lr: 0.01, momentum: 0.9, weightDecay: 0, emaDecay: 0.99 };
  const losses: number[] = [];
  for (let iteration = 0; iteration < 6; iteration++) {
    losses.push((await gradients.run(state, { images, targets }, { balance: [4], iteration })).loss);
    await optimizer.step(state, rates);
  }
  expect(losses[5]).toBeLessThan(0.9 * losses[0]);
});

// y of maps 5 x 9 and the gradients of sum(y * probe) for x and every parameter.
function withGradients(block: Module, batch: number) {
  const random = rng(0, "swin");
  const noise = (of: readonly number[], scale = 1) => wave(of, () => scale * random.normal());
  const params = namedParams(block);
  const x = input([batch, params.get("cv1.conv.weight")!.tensor.shape[1], 5, 9]);
  const y = block(x);
  const wrt = ["x", ...[...params].filter(([, { kind }]) => kind === "parameter").map(([key]) => key)];
  const feeds = initialState(block, random);
  // A norm's weight and a bias that are not 1 and 0, and a table that matters.
  for (const key of wrt) {
    const array = feeds.get(key);
    if (array?.shape.length === 1 || key.endsWith("table")) {
      feeds.set(
        key,
        wave(array!.shape, (k) => Number(array!.data[k]) + 0.2 * random.normal()),
      );
    }
  }
  feeds.set("x", noise(x.shape));
  feeds.set("probe", noise(y.shape));
  const tensorOf = (key: string): Tensor => (key === "x" ? x : params.get(key)!.tensor);
  const found = grad(y, wrt.map(tensorOf), [constant(feeds.get("probe")!)]);
  const outputs = new Map([["y", y], ...wrt.map((key, i): [string, Tensor] => [`grad.${key}`, found[i]])]);
  return { g: graph(new Map([...paramInputs(block), ["x", x]]), outputs), feeds, wrt };
}

const wave = (shape: readonly number[], at: (k: number) => number): HostArray => {
  const array = hostArray("float32", shape);
  array.data.forEach((_, k) => {
    array.data[k] = at(k);
  });
  return array;
};

async function run(g: Graph, feeds: ReadonlyMap<string, HostArray>) {
  const program = await compile(await runtime(), g);
  const results = await program.run(feeds);
  await program.release();
  return results;
}
