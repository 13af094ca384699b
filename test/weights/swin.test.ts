import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rng } from "swinyolo/data";
import { info, type LoadedClassifier, openClassifier, writePt, writeSafetensors } from "swinyolo/engine";
import { compile, graph, type HostArray, hostArray, input, toFloat32 } from "swinyolo/graph";
import {
  buildSwinClassifier,
  countParameters,
  initialState,
  namedParams,
  paramInputs,
  relativeCoordsTable,
  type SwinOptions,
  shiftMask,
  swinConfig,
  swinYaml,
} from "swinyolo/nn";
import { afterAll, describe, expect, it } from "vitest";
import { runtime } from "../runtime.js";

const folder = mkdtempSync(join(tmpdir(), "swinyolo-swin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const options: SwinOptions = {
  embedDim: 8,
  depths: [2, 2],
  heads: [2, 4],
  imageSize: 32,
  window: 4,
  extraNormEvery: 2,
};
const original = buildSwinClassifier(options, { classes: 7 });
const learned = randomWeights(original);
const yaml = join(folder, "small.yaml");
writeFileSync(yaml, JSON.stringify(swinYaml(swinConfig(options), 7)));

type Names = Record<string, HostArray>;

// The names of the other ports, from ours.
const hf = (tensors: ReadonlyMap<string, HostArray>): Names => {
  const named: Names = {};
  for (const [name, tensor] of tensors) {
    const to = name
      .replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
      .replace("patch_embed.norm", "embeddings.norm")
      .replace(/^layers/, "encoder.layers")
      .replace(/attn\.(logit_scale|relative_\w+)/, "attention.self.$1")
      .replace("attn.cpb_mlp", "attention.self.continuous_position_bias_mlp")
      .replace("attn.proj", "attention.output.dense")
      .replace("mlp.fc1", "intermediate.dense")
      .replace("mlp.fc2", "output.dense")
      .replace(/(blocks\.\d+)\.norm1/, "$1.layernorm_before")
      .replace(/(blocks\.\d+)\.norm2/, "$1.layernorm_after")
      .replace(/^norm/, "layernorm");
    const full = name.startsWith("head") ? name.replace("head", "classifier") : `swinv2.${to}`;
    if (name.endsWith("q_bias") || name.endsWith("v_bias")) {
      named[
        full.replace("attn.q_bias", "attention.self.query.bias").replace("attn.v_bias", "attention.self.value.bias")
      ] = tensor;
    } else if (name.endsWith("qkv.weight")) {
      const third = tensor.data.length / 3;
      for (const [i, part] of ["query", "key", "value"].entries()) {
        const data = (tensor.data as Float32Array).slice(i * third, (i + 1) * third);
        const shape = [tensor.shape[0] / 3, tensor.shape[1]];
        named[full.replace("attn.qkv", `attention.self.${part}`)] = hostArray("float32", shape, data);
      }
    } else named[full] = tensor;
  }
  return named;
};

const timm = (tensors: ReadonlyMap<string, HostArray>): Names =>
  Object.fromEntries(
    [...tensors].map(([name, tensor]) => [
      name
        .replace(/^head/, "head.fc")
        .replace(/^layers\.(\d)\.downsample/, (_, i) => `layers.${Number(i) + 1}.downsample`)
        .replace(".enorm.", ".norm3."),
      tensor,
    ]),
  );

const torchvision = (tensors: ReadonlyMap<string, HostArray>): Names => {
  const named: Names = {};
  for (const [name, tensor] of tensors) {
    const to = name
      .replace("patch_embed.proj", "features.0.0")
      .replace("patch_embed.norm", "features.0.2")
      .replace(/^layers\.(\d)\.blocks/, (_, i) => `features.${2 * Number(i) + 1}`)
      .replace(/^layers\.(\d)\.downsample/, (_, i) => `features.${2 * Number(i) + 2}`)
      .replace("mlp.fc1", "mlp.0")
      .replace("mlp.fc2", "mlp.3");
    if (name.endsWith("v_bias")) continue;
    if (!name.endsWith("q_bias")) named[to] = tensor;
    else {
      const [q, v] = [tensor, tensors.get(name.replace("q_bias", "v_bias"))!].map((one) => toFloat32(one));
      const all = [...q, ...q.map(() => 0), ...v];
      named[to.replace("q_bias", "qkv.bias")] = hostArray("float32", [all.length], Float32Array.from(all));
    }
  }
  return named;
};

const simmim = (tensors: ReadonlyMap<string, HostArray>): Names => ({
  ...Object.fromEntries(
    [...tensors]
      .filter(([name]) => !name.startsWith("head"))
      .map(([name, tensor]) => [`encoder.${name.replace("cpb_mlp", "rpe_mlp")}`, tensor]),
  ),
  "encoder.mask_token": hostArray("float32", [1, 1, 8]),
  "decoder.0.weight": hostArray("float32", [4, 16, 1, 1]),
});

describe("weights of others", () => {
  it.each<[string, string, Names]>([
    ["official", "official", Object.fromEntries(learned)],
    ["Hugging Face's", "hugging face", hf(learned)],
    ["TIMM's", "timm", timm(learned)],
    ["torchvision's", "torchvision", torchvision(learned)],
  ])("%s names", async (_, port, named) => {
    const file = join(folder, `${port.replace(" ", "-")}.pth`);
    await writePt(file, new Map(Object.entries(named)));
    const loaded = await openClassifier({ model: yaml, weights: file });
    expect(loaded.port).toBe(port);
    expect(loaded.head).toBe("kept");
    expect(loaded.report).toMatchObject({ missing: [], unused: [], resized: [] });
    for (const [name, { data }] of learned) expect(loaded.weights.get(name)?.data, name).toEqual(data);
  });

  it("the encoder of SimMIM, its head new", async () => {
    const file = join(folder, "simmim.pth");
    await writePt(file, new Map(Object.entries(simmim(learned))));
    const { report, head, weights } = await openClassifier({ model: yaml, weights: file });
    expect(head).toBe("new");
    expect(report).toMatchObject({ missing: ["head.weight", "head.bias"], unused: ["mask_token", "decoder.0.weight"] });
    const name = "layers.0.blocks.0.attn.cpb_mlp.0.weight";
    expect(weights.get(name)?.data).toEqual(learned.get(name)?.data);
  });
});

describe("an official file alone", () => {
  const whole = join(folder, "whole.pth");
  const withBuffers = writePt(whole, new Map([...learned, ...buffers()]));

  it("tells its model", async () => {
    await withBuffers;
    const { model, report } = await openClassifier({ weights: whole });
    expect(model).toMatchObject({ family: "swinv2", classes: 7, imageSize: [32, 32] });
    expect(model.config).toMatchObject({
      embedDim: 8,
      depths: [2, 2],
      heads: [2, 4],
      window: [4, 4],
      pretrainedWindow: [0, 0],
      extraNormEvery: 2,
      norm: "res-post",
      attention: "cosine",
      bias: "log",
    });
    expect(report).toMatchObject({ missing: [], unused: [], resized: [], excluded: [] });
  });

  it("is told by info", async () => {
    await withBuffers;
    const { parameters, imgsz, classifier } = await info({ weights: whole });
    expect({ parameters, imgsz, classes: classifier?.classes }).toEqual({
      parameters: countParameters(original.module),
      imgsz: [32, 32],
      classes: 7,
    });
  });

  it("at another size keeps the scale of its position bias, and again from what that saved", async () => {
    await withBuffers;
    const larger = await openClassifier({ weights: whole, imageSize: [64, 64], window: 8 });
    expect(larger.model.config).toMatchObject({ window: [8, 8], pretrainedWindow: [4, 4] });
    const table = larger.weights.get("layers.0.blocks.0.attn.relative_coords_table");
    expect(table).toEqual(relativeCoordsTable([8, 8], [4, 4]));
    const saved = join(folder, "larger.safetensors");
    await writeSafetensors(saved, larger.weights, { model: JSON.stringify(larger.yaml) });
    const again = await openClassifier({ weights: saved, imageSize: [128, 128], window: 16 });
    expect(again.model.config).toMatchObject({ window: [16, 16], pretrainedWindow: [4, 4] });
    expect(again.report?.missing).toEqual([]);
  });

  it("gives the same logits as the model it came from", async () => {
    await withBuffers;
    expect(await logits(await openClassifier({ weights: whole }))).toEqual(
      await logits({ model: original, weights: learned }),
    );
  });

  it("without its buffers asks for a model", async () => {
    const bare = join(folder, "bare.pth");
    await writePt(bare, learned);
    await expect(openClassifier({ weights: bare })).rejects.toThrow(
      /bare.pth: the weights do not say which classifier they belong to; add model=X.yaml$/,
    );
  });
});

describe("the head", () => {
  it("of ImageNet-22K becomes that of ImageNet-1K", async () => {
    const big = new Map(learned);
    big.set(
      "head.weight",
      hostArray(
        "float32",
        [21841, 16],
        Float32Array.from({ length: 21841 * 16 }, (_, i) => Math.floor(i / 16)),
      ),
    );
    big.set(
      "head.bias",
      hostArray(
        "float32",
        [21841],
        Float32Array.from({ length: 21841 }, (_, i) => i),
      ),
    );
    const file = join(folder, "22k.pth");
    await writePt(file, big);
    const { weights, head } = await openClassifier({ model: yaml, weights: file, nc: 1000 });
    expect(head).toBe("ImageNet-22K to 1K");
    const rows = Array.from(weights.get("head.bias")!.data as Float32Array);
    expect([rows[0], rows[1], rows[999], rows.length]).toEqual([359, 368, 21817, 1000]);
    expect(rows.reduce((a, b) => a + b, 0)).toBe(6_373_512);
    expect(new Set(rows).size).toBe(1000);
    expect((weights.get("head.weight")!.data as Float32Array)[5 * 16 + 3]).toBe(rows[5]);
  });

  it("for other classes starts from 0", async () => {
    const file = join(folder, "other.pth");
    await writePt(file, learned);
    const { weights, head, names, model } = await openClassifier({ model: yaml, weights: file, names: ["cat", "dog"] });
    expect([head, names, model.classes]).toEqual(["new", ["cat", "dog"], 2]);
    expect(weights.get("head.weight")).toEqual(hostArray("float32", [2, 16]));
  });
});

it("tables of V1 are resized to another window as PyTorch resizes them", async () => {
  const v1: SwinOptions = {
    embedDim: 8,
    depths: [1],
    heads: [1],
    imageSize: 8,
    window: 2,
    norm: "pre",
    attention: "dot",
    bias: "table",
  };
  const table = "layers.0.blocks.0.attn.relative_position_bias_table";
  const state = initialState(buildSwinClassifier(v1, { classes: 7 }).module, rng(0));
  state.set(table, hostArray("float32", [9, 1], Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8])));
  const file = join(folder, "v1.pth");
  await writePt(file, state);
  const wider = join(folder, "v1.yaml");
  writeFileSync(wider, JSON.stringify(swinYaml(swinConfig({ ...v1, imageSize: 12, window: 3 }), 7)));
  const { weights } = await openClassifier({ model: wider, weights: file });
  const found = Array.from(weights.get(table)!.data as Float32Array);
  // A row of 0, 1, 2 at the places -0.2, 0.4, 1, 1.6, 2.2, the cubic's weights worked out by hand.
  const row = [-0.096, 0.316, 1, 1.684, 2.096];
  expect(found.length).toBe(25);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(3 * row[Math.floor(i / 5)] + row[i % 5], 5);
});

function randomWeights(model: typeof original): Map<string, HostArray> {
  const random = rng(1, "weights");
  return new Map(
    [...namedParams(model.module)]
      .filter(([, { kind }]) => kind === "parameter")
      .map(([name, { tensor }]) => {
        const array = hostArray("float32", tensor.shape);
        (array.data as Float32Array).forEach((_, i, data) => {
          data[i] = 0.3 * random.normal() + (name.endsWith("norm.weight") ? 1 : 0);
        });
        return [name, array];
      }),
  );
}

// As the official code saves them.
function buffers(): Map<string, HostArray> {
  const found = new Map<string, HostArray>();
  for (const [name, { kind, init }] of namedParams(original.module)) {
    if (kind === "derived" && typeof init !== "function") found.set(name, init);
  }
  const mask = shiftMask({ height: 8, width: 8, window: 4, shift: 2 });
  return found.set("layers.0.blocks.1.attn_mask", hostArray("float32", [4, 16, 16], mask));
}

async function logits({ model, weights }: Pick<LoadedClassifier, "model" | "weights">): Promise<HostArray | undefined> {
  const x = input([2, 3, ...model.imageSize]);
  const params = paramInputs(model.module);
  const program = await compile(await runtime(), graph(new Map([...params, ["x", x]]), { y: model.module(x) }));
  const pixels = Float32Array.from({ length: x.shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
  const feeds = new Map([...params.keys()].map((name) => [name, weights.get(name)!] as const));
  const found = await program.run(new Map([...feeds, ["x", hostArray("float32", x.shape, pixels)]]));
  await program.release();
  return found.get("y");
}
