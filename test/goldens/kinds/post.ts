import {
  apPerClass,
  type CocoDetection,
  type CocoGroundTruth,
  computeAp,
  confusionMatrix,
  evaluateCoco,
  fitness,
  matchDetections,
  nonMaxSuppression,
  smooth,
} from "swinyolo/engine";
import { type HostArray, hostArray, toFloat32, toFloat64 } from "swinyolo/graph";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

/** What comes after the network: suppression, matching, precision and recall, COCO's evaluation. */
export const kinds: Record<string, KindRunner> = {
  nms: runNms,
  match_detections: (c) => {
    const thresholds = Array.from(toFloat64(c.array("iou_thresholds")));
    const detections = c.array("detections");
    const correct = matchDetections(toFloat32(detections), toFloat32(c.array("labels")), thresholds);
    return { correct: hostArray("bool", [detections.shape[0], thresholds.length], correct) };
  },
  ap_per_class: runAp,
  confusion_matrix: (c) => {
    const { nc, conf, iou_thres } = c.args as Record<string, number>;
    const labels = c.list("labels").map(toFloat32);
    const pictures = c.list("detections").map((rows, i) => ({ detections: toFloat32(rows), labels: labels[i] }));
    return { matrix: hostArray("float64", [nc + 1, nc + 1], confusionMatrix(nc, pictures, { conf, iou: iou_thres })) };
  },
  fitness: ({ args }) => {
    const a = args as Record<string, number>;
    const values = { precision: a.mp, recall: a.mr, map50: a.map50, map: a.map50_95 };
    return { fitness: fitness(values, args.weights as number[]) };
  },
  compute_ap: (c) => {
    const { ap, envelope, recallPadded } = computeAp(
      toFloat64(c.array("recall")),
      toFloat64(c.array("precision")),
      c.args.method as "interp",
    );
    return { ap, envelope: vector(envelope), recall_padded: vector(recallPadded) };
  },
  smooth: (c) => ({ y: vector(smooth(toFloat64(c.array("y")), c.args.f as number)) }),
  coco_eval: runCoco,
};

const vector = (values: ArrayLike<number>): HostArray =>
  hostArray("float64", [values.length], Float64Array.from(values));

function runNms(c: GoldenCase): Results {
  const a = c.args as { conf_thres: number; iou_thres: number; max_det: number };
  const prediction = c.array("prediction");
  const labels = (c.args.labels as number[][][]).map((rows) => Float32Array.from(rows.flat()));
  const found = nonMaxSuppression(toFloat32(prediction), prediction.shape as [number, number, number], {
    conf: a.conf_thres,
    iou: a.iou_thres,
    classes: (c.args.classes as number[] | null) ?? undefined,
    agnostic: c.args.agnostic as boolean,
    multiLabel: c.args.multi_label as boolean,
    labels: labels.length ? labels : undefined,
    maxDet: a.max_det,
  });
  const results: Results = { kept_per_image: found.map((rows) => rows.length / 6) };
  found.forEach((rows, i) => {
    results[`image${i}`] = hostArray("float32", [rows.length / 6, 6], rows);
  });
  return results;
}

function runAp(c: GoldenCase): Results {
  const correct = c.array("correct");
  const thresholds = correct.shape[1];
  const m = apPerClass(
    {
      correct: correct.data as Uint8Array,
      thresholds,
      confidence: toFloat32(c.array("confidence")),
      predicted: toFloat32(c.array("predicted_class")),
      labels: toFloat32(c.array("target_class")),
    },
    { eps: c.args.eps as number },
  );
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  return {
    tp: vector(m.tp),
    fp: vector(m.fp),
    p: vector(m.precision),
    r: vector(m.recall),
    f1: vector(m.f1),
    ap: hostArray("float64", [m.classes.length, thresholds], Float64Array.from(m.ap.flat())),
    class: hostArray("int64", [m.classes.length], BigInt64Array.from(m.classes, BigInt)),
    mp: mean(m.precision),
    mr: mean(m.recall),
    map50: mean(m.ap.map(([first]) => first)),
    map50_95: mean(m.ap.flat()),
    target_counts: m.instances,
  };
}

const statNames = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"];

function runCoco(c: GoldenCase): Results {
  const a = c.args as Record<string, unknown>;
  const maxDets = a.maxDets as number[];
  const { stats, perClass } = evaluateCoco(c.raw.ground_truth as CocoGroundTruth, c.raw.detections as CocoDetection[], {
    iouType: a.iouType as "bbox",
    iouThrs: a.iouThrs as number[],
    recThrs: a.recThrs as number[],
    maxDets,
    areaRng: a.areaRng as [number, number][],
    areaRngLbl: a.areaRngLbl as string[],
    useCats: Boolean(a.useCats),
  });
  const names = [...statNames, ...maxDets.map((n) => `AR_${n}`), "AR_small", "AR_medium", "AR_large"];
  return {
    stats: Object.fromEntries(names.map((name, i) => [name, stats[i]])),
    per_class: Object.fromEntries([...perClass].map(([id, values]) => [id, values])),
  };
}
