import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rng } from "swinyolo/data";
import { exportModel, readModelFile, writeSafetensors } from "swinyolo/engine";
import { type HostArray, hostArray } from "swinyolo/graph";
import {
  buildClassifier,
  buildModel,
  defaultBalance,
  initialState,
  isClassifier,
  type LossOptions,
  lossGainScale,
} from "swinyolo/nn";
import type { Case } from "./cases.js";

/** Of every step. The rate is low: the same batch comes again and again, and the numbers should stay ordinary. */
export const stepRates = { biasLr: 0.001, lr: 0.001, momentum: 0.937, weightDecay: 0.0005, clipNorm: 10 };

const average = { decay: 0.9999, tau: 2000 };

/**
 * How threads wait for one another: `passive` sleep at once, `spinning` as both libraries do by themselves. On a machine that
 * others use too, spinning threads keep away the very threads that they wait for, and times say nothing.
 */
export type Waiting = "passive" | "spinning";

/** Everything that both sides need for a case, as it goes into a file; the numbers are in `tensors`. */
export interface CaseFile {
  readonly kind: Case["kind"];
  readonly batch: number;
  readonly threads: number;
  readonly waiting: Waiting;
  /** safetensors: `state.NAME` the weights, `input.images` uint8 [b, 3, h, w], `input.targets` [n, 6]. */
  readonly tensors: string;
  /** The detector as an ONNX file, where it was asked for. */
  readonly exported?: string;
  /** The same up to its raw maps. */
  readonly exportedMaps?: string;
  /** Contents of the model's YAML. */
  readonly yaml: object;
  /** Of a classifier: the part of its YAML, its classes, the side of its pictures. */
  readonly classifier?: { readonly config: object; readonly classes: number; readonly side: number };
  /** The same as resolved rows, for a peer that reads no YAML. */
  readonly layers: readonly { readonly from: unknown; readonly module: string; readonly args: object }[];
  readonly strides: readonly number[];
  readonly loss: LossOptions;
  readonly balance: readonly number[];
  readonly anchorT: number;
  readonly rates: typeof stepRates;
  readonly ema: { readonly decay: number; readonly tau: number };
}

export interface CaseOptions {
  readonly folder: string;
  readonly threads: number;
  readonly waiting: Waiting;
  /** Write the detector as an ONNX file too. */
  readonly exports?: boolean;
  /** Which pictures, of as many as wanted. */
  readonly pictures?: number;
}

/** Writes a case's file and numbers into a folder; returns the file. */
export async function writeCase(one: Case, options: CaseOptions): Promise<string> {
  const { kind, model: name, batch, size } = one;
  const { folder, threads, waiting, exports = false, pictures = 0 } = options;
  const { yaml, place } = readModelFile(name);
  if (isClassifier(yaml)) return writeClassifierCase(one, yaml as ClassifierYaml, options);
  const model = buildModel(yaml, { place });
  const weights = initialState(model.module, rng(0, "weights"));
  if (kind === "inference") livelier(weights);
  const tensors = new Map([...weights].map(([key, array]): [string, HostArray] => [`state.${key}`, array]));
  // Near ties of a max-pool, which leave the gradient to rounding, grow with the number of different pictures.
  const different = kind === "train" ? Math.min(batch, 2) : batch;
  tensors.set("input.images", randomImages(batch, size, { seed: pictures, different }));
  tensors.set("input.targets", randomTargets(batch, model.nc));
  const file = join(folder, "case.json");
  const gain = lossGainScale(model.strides.length, model.nc, size);
  const contents: CaseFile = {
    kind,
    batch,
    threads,
    waiting,
    tensors: join(folder, "case.safetensors"),
    ...(exports && (await exportCase(name, weights, { folder, batch, size }))),
    yaml,
    layers: model.layers.map(({ from, module, args, repeats }) => {
      if (repeats > 1 && !("n" in args)) throw new Error(`${module}: a chain of ${repeats} is not for the bench`);
      return { from, module, args };
    }),
    strides: model.strides,
    loss: {
      box: 0.05 * gain.box,
      obj: gain.obj,
      cls: 0.5 * gain.cls,
      obj_pw: 1,
      cls_pw: 1,
      fl_gamma: 0,
      label_smoothing: 0,
    },
    balance: defaultBalance(model.strides.length),
    anchorT: 4,
    rates: stepRates,
    ema: average,
  };
  await writeSafetensors(contents.tensors, tensors);
  writeFileSync(file, JSON.stringify(contents));
  return file;
}

interface ClassifierYaml {
  readonly nc: number;
  readonly swinv2: object;
}

// Without stochastic depth, which both sides would draw differently, and with blocks that do something from the start.
async function writeClassifierCase(
  { kind, batch, size }: Case,
  { nc, swinv2, ...rest }: ClassifierYaml,
  { folder, threads, waiting, pictures = 0 }: CaseOptions,
): Promise<string> {
  const config = { ...swinv2, drop_path: 0 };
  const yaml = { ...rest, nc, swinv2: config };
  const weights = initialState(buildClassifier(yaml, { imageSize: [size, size] }).module, rng(0, "weights"));
  for (const [name, { data }] of weights) if (/norm[12]\.weight$/.test(name)) (data as Float32Array).fill(1);
  const tensors = new Map([...weights].map(([key, array]): [string, HostArray] => [`state.${key}`, array]));
  const random = rng("pictures", pictures);
  const pixels = Float32Array.from({ length: batch * 3 * size * size }, () => random.normal());
  const targets = hostArray("float32", [batch, nc]);
  for (let i = 0; i < batch; i++) targets.data[i * nc + random.int(nc)] = 1;
  tensors.set("input.images", hostArray("float32", [batch, 3, size, size], pixels));
  tensors.set("input.targets", targets);
  const file = join(folder, "case.json");
  const contents: Omit<CaseFile, "layers" | "strides" | "loss" | "balance" | "anchorT"> = {
    kind,
    batch,
    threads,
    waiting,
    tensors: join(folder, "case.safetensors"),
    yaml,
    classifier: { config, classes: nc, side: size },
    rates: stepRates,
    ema: average,
  };
  await writeSafetensors(contents.tensors, tensors);
  writeFileSync(file, JSON.stringify(contents));
  return file;
}

async function exportCase(
  model: string,
  weights: ReadonlyMap<string, HostArray>,
  { folder, batch, size }: { folder: string; batch: number; size: number },
): Promise<{ exported: string; exportedMaps: string }> {
  const file = join(folder, "weights.safetensors");
  await writeSafetensors(file, weights);
  const written = async (out: string, raw: boolean) =>
    (await exportModel({ weights: file, model, imgsz: size, batch, raw, out: join(folder, out) })).file;
  return { exported: await written("rows.onnx", false), exportedMaps: await written("maps.onnx", true) };
}

// With running statistics of 0 and 1, fresh weights shrink what goes through them until it is nothing: larger scales.
function livelier(weights: ReadonlyMap<string, HostArray>): void {
  for (const [name, { data }] of weights) if (name.endsWith(".bn.weight")) (data as Float32Array).fill(2.5);
}

// `different` pictures in turn.
function randomImages(
  batch: number,
  size: number,
  { seed, different }: { seed: number; different: number },
): HostArray {
  const random = rng("images", seed);
  const length = 3 * size * size;
  const data = new Uint8Array(batch * length);
  for (let i = 0; i < different * length; i++) data[i] = random.int(256);
  for (let i = different; i < batch; i++)
    data.copyWithin(i * length, (i % different) * length, ((i % different) + 1) * length);
  return hostArray("uint8", [batch, 3, size, size], data);
}

// Eight objects a picture, 5-50% of its side.
function randomTargets(batch: number, nc: number): HostArray {
  const random = rng("targets");
  const rows = Array.from({ length: 8 * batch }, (_, i) => [
    Math.floor(i / 8),
    random.int(nc),
    random.uniform(0.05, 0.95),
    random.uniform(0.05, 0.95),
    random.uniform(0.05, 0.5),
    random.uniform(0.05, 0.5),
  ]);
  return hostArray("float32", [rows.length, 6], Float32Array.from(rows.flat()));
}
