import { UserError } from "../../../errors/index.js";
import { assign } from "./assign.js";
import { type ClassScenes, type Curves, curvesOf } from "./curves.js";
import { type ScoredScene, scenesOf } from "./scenes.js";
import { type CocoDetection, type CocoGroundTruth, type CocoOptions, type CocoParams, cocoDefaults } from "./types.js";

export interface CocoResult {
  /** AP, AP50, AP75, AP by the three sizes, AR by the three maxDets, AR by the three sizes; -1 where nothing counts. */
  readonly stats: number[];
  /** AP and AP50 of every class with truth, by category id; empty where classes do not count. */
  readonly perClass: Map<number, { readonly ap: number; readonly ap50: number }>;
}

/**
 * The COCO evaluation of detections against annotations, with the numbers of pycocotools.
 * @throws UserError where either cannot be evaluated.
 */
export function evaluateCoco(
  truth: CocoGroundTruth,
  detections: readonly CocoDetection[],
  options: CocoOptions = {},
): CocoResult {
  const params = { ...cocoDefaults, ...options };
  const sorted = { ...params, maxDets: [...params.maxDets].sort((a, b) => a - b) };
  check(truth, detections, sorted);
  const classes: ClassResult[] = [];
  for (const { id, scenes } of scenesOf(truth, detections, sorted)) {
    classes.push({ id, curves: classCurves(scenes, sorted) });
  }
  return { stats: statsOf(classes, sorted), perClass: params.useCats ? perClassOf(classes, sorted) : new Map() };
}

interface ClassResult {
  readonly id: number;
  /** [areas][maxDets] */
  readonly curves: readonly (readonly (Curves | undefined)[])[];
}

function classCurves(scenes: readonly ScoredScene[], params: CocoParams): ClassResult["curves"] {
  const { iouThrs, recThrs, maxDets, areaRng } = params;
  const all = together(scenes);
  return areaRng.map((range) => {
    const verdicts = assign(scenes, range, iouThrs);
    return maxDets.map((maxDet) => curvesOf(all, verdicts, { maxDet, recThrs, thresholds: iouThrs.length }));
  });
}

function together(scenes: readonly ScoredScene[]): ClassScenes {
  const scores = Float64Array.from(scenes.flatMap((scene) => scene.scores));
  const ranks = Uint32Array.from(scenes.flatMap((scene) => scene.scores.map((_, rank) => rank)));
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  return { ranks, order };
}

function statsOf(classes: readonly ClassResult[], params: CocoParams): number[] {
  const { iouThrs, recThrs, maxDets, areaRngLbl } = params;
  const most = maxDets.length - 1;
  const curvesAt = (area: string, m: number) =>
    classes.flatMap(({ curves }) => curves[areaRngLbl.indexOf(area)]?.[m] ?? []);
  const precision = (area: string, { m = most, iou }: { m?: number; iou?: number } = {}) =>
    mean(curvesAt(area, m).flatMap((curves) => precisionsAt(curves, { iouThrs, recThrs, iou })));
  const recall = (area: string, m: number) => mean(curvesAt(area, m).flatMap((curves) => [...curves.recall]));
  const sizes = ["small", "medium", "large"];
  return [
    // pycocotools reads this one at 100 detections whatever maxDets says.
    precision("all", { m: maxDets.indexOf(100) }),
    precision("all", { iou: 0.5 }),
    precision("all", { iou: 0.75 }),
    ...sizes.map((area) => precision(area)),
    ...maxDets.map((_, m) => recall("all", m)),
    ...sizes.map((area) => recall(area, most)),
  ];
}

function perClassOf(classes: readonly ClassResult[], { iouThrs, recThrs, maxDets }: CocoParams) {
  const found = classes.flatMap(({ id, curves }): [number, { ap: number; ap50: number }][] => {
    const all = curves[0][maxDets.length - 1];
    if (!all) return [];
    const ap = (iou?: number) => mean(precisionsAt(all, { iouThrs, recThrs, iou }));
    return [[id, { ap: ap(), ap50: ap(0.5) }]];
  });
  return new Map(found);
}

interface Grid extends Pick<CocoParams, "iouThrs" | "recThrs"> {
  /** This threshold alone. */
  readonly iou?: number;
}

function precisionsAt({ precision }: Curves, { iouThrs, recThrs, iou }: Grid): number[] {
  if (iou === undefined) return [...precision];
  const t = iouThrs.indexOf(iou);
  return t < 0 ? [] : [...precision.subarray(t * recThrs.length, (t + 1) * recThrs.length)];
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? -1 : values.reduce((sum, v) => sum + v, 0) / values.length;

function check(truth: CocoGroundTruth, detections: readonly CocoDetection[], params: CocoParams): void {
  const { iouType, maxDets, areaRng, areaRngLbl } = params;
  if (!Array.isArray(truth?.images) || !Array.isArray(truth.annotations) || !Array.isArray(truth.categories ?? [])) {
    throw new UserError("annotations: lists of images, annotations and categories expected, as in COCO's JSON");
  }
  if (!Array.isArray(detections)) throw new UserError("detections: a list expected, as in COCO's results");
  if (iouType !== "bbox" && iouType !== "segm") throw new UserError(`iouType is ${iouType}, expected bbox or segm`);
  if (maxDets.length !== 3) throw new UserError(`maxDets has ${maxDets.length} numbers, expected 3`);
  if (areaRng.length !== areaRngLbl.length || areaRng.length === 0) {
    throw new UserError(`areaRng has ${areaRng.length} ranges, areaRngLbl ${areaRngLbl.length} names`);
  }
  const known = new Set(truth.images.map(({ id }) => id));
  const stranger = detections.find(({ image_id: id }) => !known.has(id));
  if (stranger) throw new UserError(`detections: picture ${stranger.image_id} is not among those of the annotations`);
}
