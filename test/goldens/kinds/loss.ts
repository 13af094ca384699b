import {
  compile,
  floats,
  type Graph,
  grad,
  graph,
  type HostArray,
  hostArray,
  input,
  reduceSum,
  toFloat32,
} from "swinyolo/graph";
import {
  type Assignment,
  assignLevel,
  autobalance,
  boxIou,
  capacityFor,
  type IouKind,
  type LevelShape,
  type LossOptions,
  levelTargets,
  lossGainScale,
  padAssignment,
  ratesAt,
  type ScheduleOptions,
  warmupIterations,
  weightDecayScale,
  yolov5Loss,
} from "swinyolo/nn";
import { runtime } from "../../runtime.js";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

export const kinds: Record<string, KindRunner> = {
  loss: runLoss,
  bbox_iou: runIou,
  schedule: runSchedule,
  loss_gain_scale: ({ args }) => lossGainScale(args.nl as number, args.nc as number, args.image_size as number),
};

async function evaluate(g: Graph, feeds: ReadonlyMap<string, HostArray>): Promise<Map<string, HostArray>> {
  const program = await compile(await runtime(), g);
  const results = await program.run(feeds);
  await program.release();
  return results;
}

async function runLoss(c: GoldenCase): Promise<Results> {
  const stride = c.args.stride as number[];
  const maps = stride.map((_, i) => c.array(`p${i}`));
  const targets = toFloat32(c.array("targets"));
  const anchors = c.array("anchors");
  const [, count] = anchors.shape;
  const levels = maps.map(
    ({ shape }, l): LevelShape => ({
      height: shape[2],
      width: shape[3],
      anchors: Array.from({ length: count }, (_, i) => {
        const at = (l * count + i) * 2;
        return [Number(anchors.data[at]), Number(anchors.data[at + 1])] as const;
      }),
    }),
  );
  const assigned = levels.map((level) => assignLevel(targets, level, c.options.anchor_t as number));
  const capacity = capacityFor(Math.max(...assigned.map(({ classes }) => classes.length)));
  const tensors = maps.map(({ shape }) => input(shape));
  const placeholders = maps.map(() => levelTargets(capacity));
  const balance = c.options.balance as number[];
  const loss = yolov5Loss(tensors, placeholders, {
    balance: floats(balance),
    options: c.options as unknown as LossOptions,
  });
  const inputs = new Map(tensors.map((tensor, i) => [`p${i}`, tensor]));
  const feeds = new Map(maps.map((map, i) => [`p${i}`, map]));
  placeholders.forEach((level, l) => {
    const padded = padAssignment(assigned[l], levels[l], { batch: maps[l].shape[0], capacity });
    for (const [name, tensor] of Object.entries(level)) {
      inputs.set(`${l}.${name}`, tensor);
      feeds.set(`${l}.${name}`, hostArray(tensor.dtype, tensor.shape, padded[name as keyof typeof padded]));
    }
  });
  const gradients = grad(loss.loss, tensors).map((g, i): [string, typeof g] => [`grad.p${i}`, g]);
  const results = await evaluate(graph(inputs, new Map([...Object.entries({ ...loss }), ...gradients])), feeds);
  const levelLosses = results.get("levels")!.data as Float32Array;
  const out: Results = { parts: results.get("parts")!, loss: vector(results.get("loss")!) };
  maps.forEach((_, i) => {
    out[`grad.p${i}`] = results.get(`grad.p${i}`)!;
  });
  assigned.forEach((assignment, l) => {
    Object.assign(out, build(assignment, l));
  });
  if (c.args.autobalance) out.balance_after = autobalance(balance, levelLosses, stride);
  return out;
}

const vector = ({ data }: HostArray): HostArray => hostArray("float32", [1], data);

function build({ index, classes, boxes, anchors }: Assignment, level: number): Results {
  const n = classes.length;
  const byColumn = BigInt64Array.from({ length: 4 * n }, (_, i) => BigInt(index[(i % n) * 4 + Math.floor(i / n)]));
  return {
    [`build.index${level}`]: hostArray("int64", [4, n], byColumn),
    [`build.class${level}`]: hostArray("int64", [n], BigInt64Array.from(classes, BigInt)),
    [`build.box${level}`]: hostArray("float32", [n, 4], boxes),
    [`build.anchor_wh${level}`]: hostArray("float32", [n, 2], anchors),
  };
}

async function runIou(c: GoldenCase): Promise<Results> {
  const [one, two] = [c.array("box1"), c.array("box2")];
  const kind = (["CIoU", "DIoU", "GIoU"] as const).find((name) => c.args[name]) ?? ("IoU" as IouKind);
  const [a, b] = [input(one.shape), input(two.shape)];
  const iou = boxIou(a, b, { kind, xywh: c.args.xywh as boolean, eps: c.args.eps as number });
  const [grad_box1] = grad(reduceSum(iou), [a]);
  const feeds = new Map([
    ["a", one],
    ["b", two],
  ]);
  const results = await evaluate(graph({ a, b }, { iou, grad_box1 }), feeds);
  return { iou: hostArray("float32", [one.shape[0]], results.get("iou")!.data), grad_box1: results.get("grad_box1")! };
}

function runSchedule(c: GoldenCase): Results {
  const a = c.args as Record<string, number>;
  const options: ScheduleOptions = {
    epochs: a.epochs,
    batches: a.nb,
    batch: a.batch,
    nominalBatch: a.nominal_batch,
    lr0: a.lr0,
    lrf: a.lrf,
    momentum: a.momentum,
    warmupEpochs: a.warmup_epochs,
    warmupMomentum: a.warmup_momentum,
    warmupBiasLr: a.warmup_bias_lr,
    cosine: c.args.cos_lr as boolean,
  };
  const points = (c.expected.points as { iteration: number }[]).map(({ iteration }) => {
    const { biasLr, lr, momentum, accumulate } = ratesAt(iteration, options);
    return { iteration, epoch: Math.floor(iteration / a.nb), lr_bias: biasLr, lr_other: lr, momentum, accumulate };
  });
  return {
    points,
    warm_up_iterations: warmupIterations(options),
    weight_decay_scale: weightDecayScale(a.batch, a.nominal_batch),
  };
}
