import { UserError } from "../../../errors/index.js";
import { countsOf, type Rle, rleArea, rleIntersection } from "./rle.js";

export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** x, y of the top left corner, width, height. */
  readonly bbox?: readonly number[];
  readonly area: number;
  readonly iscrowd?: number;
  readonly ignore?: number;
  readonly segmentation?: unknown;
}

/** COCO annotations, as in their JSON. */
export interface CocoGroundTruth {
  readonly images: readonly { readonly id: number; readonly file_name?: string }[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories?: readonly { readonly id: number; readonly name?: string }[];
}

/** A detection as in a COCO results file. */
export interface CocoDetection {
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly number[];
  readonly segmentation?: unknown;
}

/** The numbers that decide an evaluation; COCO's own where left out. */
export interface CocoOptions {
  readonly iouType?: "bbox" | "segm";
  readonly iouThrs?: readonly number[];
  readonly recThrs?: readonly number[];
  readonly maxDets?: readonly number[];
  readonly areaRng?: readonly (readonly [number, number])[];
  readonly areaRngLbl?: readonly string[];
  /** Classes count; otherwise all objects are one. */
  readonly useCats?: boolean;
}

export interface CocoResult {
  /** AP, AP50, AP75, AP by the three sizes, AR by the three maxDets, AR by the three sizes; -1 where nothing counts. */
  readonly stats: number[];
  /** AP and AP50 of every class with truth, by category id. */
  readonly perClass: Map<number, { readonly ap: number; readonly ap50: number }>;
}

const defaults = {
  iouType: "bbox" as const,
  iouThrs: Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05),
  recThrs: Array.from({ length: 101 }, (_, i) => i / 100),
  maxDets: [1, 10, 100],
  areaRng: [
    [0, 1e10],
    [0, 1024],
    [1024, 9216],
    [9216, 1e10],
  ] as const,
  areaRngLbl: ["all", "small", "medium", "large"],
  useCats: true,
};

/** The COCO evaluation of detections against annotations. */
export function evaluateCoco(
  truth: CocoGroundTruth,
  detections: readonly CocoDetection[],
  options: CocoOptions = {},
): CocoResult {
  const params = { ...defaults, ...options };
  const images = truth.images.map(({ id }) => id).sort((a, b) => a - b);
  const categories = [
    ...new Set(truth.categories?.map(({ id }) => id) ?? truth.annotations.map(({ category_id }) => category_id)),
  ].sort((a, b) => a - b);
  const wanted = new Set(categories);
  const groups = {
    truth: group(truth.annotations, params.useCats, wanted),
    found: group(detections, params.useCats, wanted),
  };
  const classes = params.useCats ? categories : [-1];
  const most = params.maxDets[params.maxDets.length - 1];
  // [class][area] -> judged pictures
  const judged = classes.map((category) => {
    const pictures = images.map((image) => prepare(groups, { image, category, most, iouType: params.iouType }));
    return params.areaRng.map((range) => pictures.map((picture) => judge(picture, range, params.iouThrs)));
  });
  const curve = (k: number, area: number, maxDet: number) =>
    accumulate(judged[k][area], { maxDet, iouThrs: params.iouThrs, recThrs: params.recThrs });
  const cached = new Map<string, Curve | undefined>();
  const curveOf = (k: number, area: number, maxDet: number) => {
    const key = `${k} ${area} ${maxDet}`;
    if (!cached.has(key)) cached.set(key, curve(k, area, maxDet));
    return cached.get(key);
  };
  const areaOf = (name: string) => params.areaRngLbl.indexOf(name);
  const precision = (area: string, threshold?: number) =>
    mean(classes.flatMap((_, k) => precisionsOf(curveOf(k, areaOf(area), most), params.iouThrs, threshold)));
  const recall = (area: string, maxDet: number) =>
    mean(classes.flatMap((_, k) => curveOf(k, areaOf(area), maxDet)?.recall ?? []));
  const perClass = new Map<number, { ap: number; ap50: number }>();
  classes.forEach((category, k) => {
    const all = curveOf(k, areaOf("all"), most);
    if (all)
      perClass.set(category, {
        ap: mean(precisionsOf(all, params.iouThrs)),
        ap50: mean(precisionsOf(all, params.iouThrs, 0.5)),
      });
  });
  const sizes = ["small", "medium", "large"];
  return {
    stats: [
      precision("all"),
      precision("all", 0.5),
      precision("all", 0.75),
      ...sizes.map((area) => precision(area)),
      ...params.maxDets.map((maxDet) => recall("all", maxDet)),
      ...sizes.map((area) => recall(area, most)),
    ],
    perClass,
  };
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? -1 : values.reduce((sum, v) => sum + v, 0) / values.length;

type Groups = ReadonlyMap<string, unknown[]>;

function group<T extends { image_id: number; category_id: number }>(
  items: readonly T[],
  useCats: boolean,
  wanted: ReadonlySet<number>,
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  // Without classes, ties are decided by rising category first.
  const kept = items.filter(({ category_id }) => wanted.has(category_id));
  const sorted = useCats ? kept : [...kept].sort((a, b) => a.category_id - b.category_id);
  for (const item of sorted) {
    const key = `${item.image_id} ${useCats ? item.category_id : -1}`;
    const list = groups.get(key);
    if (list) list.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Truth and detections of one picture and class, with all overlaps [detections][truth]. */
interface Picture {
  readonly truth: readonly { readonly area: number; readonly crowd: boolean; readonly ignored: boolean }[];
  readonly scores: readonly number[];
  readonly areas: readonly number[];
  readonly overlaps: readonly (readonly number[])[];
}

interface Which {
  readonly image: number;
  readonly category: number;
  readonly most: number;
  readonly iouType: "bbox" | "segm";
}

function prepare(
  groups: { truth: Groups; found: Groups },
  { image, category, most, iouType }: Which,
): Picture | undefined {
  const key = `${image} ${category}`;
  const truth = (groups.truth.get(key) ?? []) as CocoAnnotation[];
  const found = ((groups.found.get(key) ?? []) as CocoDetection[]).toSorted((a, b) => b.score - a.score).slice(0, most);
  if (truth.length === 0 && found.length === 0) return undefined;
  const shape = iouType === "bbox" ? boxShape : maskShape;
  const shapes = truth.map(shape);
  const crowds = truth.map(({ iscrowd }) => Boolean(iscrowd));
  const detected = found.map(shape);
  return {
    truth: truth.map(({ area, iscrowd, ignore }) => ({
      area,
      crowd: Boolean(iscrowd),
      ignored: Boolean(iscrowd) || Boolean(ignore),
    })),
    scores: found.map(({ score }) => score),
    areas: detected.map(({ area }) => area),
    overlaps: detected.map((d) => shapes.map((g, i) => d.overlap(g, crowds[i]))),
  };
}

interface Outline {
  readonly area: number;
  readonly numbers: readonly number[];
  /** Intersection over union, over the own area for a crowd. */
  overlap(other: Outline, crowd: boolean): number;
}

function boxShape({ bbox }: { bbox?: readonly number[] }): Outline {
  if (bbox?.length !== 4) throw new UserError("annotations: every object needs a bbox of 4 numbers");
  const [x, y, w, h] = bbox;
  return {
    area: w * h,
    numbers: bbox,
    overlap({ area, numbers: [gx, gy, gw, gh] }, crowd) {
      const wide = Math.min(x + w, gx + gw) - Math.max(x, gx);
      const high = Math.min(y + h, gy + gh) - Math.max(y, gy);
      if (wide <= 0 || high <= 0) return 0;
      const both = wide * high;
      return both / (crowd ? w * h : w * h + area - both);
    },
  };
}

function maskShape({ segmentation }: { segmentation?: unknown }): Outline {
  const rle = segmentation as Rle | undefined;
  if (!rle || Array.isArray(rle) || rle.counts === undefined)
    throw new UserError("annotations: masks as run lengths expected");
  const counts = countsOf(rle);
  const own = rleArea(rle);
  return {
    area: own,
    numbers: counts,
    overlap({ area, numbers }, crowd) {
      const both = rleIntersection(counts, numbers);
      return both === 0 ? 0 : both / (crowd ? own : own + area - both);
    },
  };
}

/** Detections of a picture at every threshold: matched or not, ignored or not; and how much truth counts. */
interface Judged {
  readonly scores: readonly number[];
  /** [thresholds][detections] */
  readonly matched: readonly (readonly boolean[])[];
  readonly ignored: readonly (readonly boolean[])[];
  readonly truth: number;
}

function judge(
  picture: Picture | undefined,
  [from, to]: readonly [number, number],
  thresholds: readonly number[],
): Judged | undefined {
  if (!picture) return undefined;
  const { truth, scores, areas, overlaps } = picture;
  const outside = (area: number) => area < from || area > to;
  const out = truth.map(({ area, ignored }) => ignored || outside(area));
  // Truth that counts comes first.
  const order = truth.map((_, i) => i).sort((a, b) => Number(out[a]) - Number(out[b]));
  const matched: boolean[][] = [];
  const ignored: boolean[][] = [];
  for (const threshold of thresholds) {
    const taken = new Set<number>();
    const hits: boolean[] = [];
    const skips: boolean[] = [];
    scores.forEach((_, d) => {
      let best = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const g of order) {
        if (taken.has(g) && !truth[g].crowd) continue;
        if (match >= 0 && !out[match] && out[g]) break;
        if (overlaps[d][g] < best) continue;
        [best, match] = [overlaps[d][g], g];
      }
      if (match >= 0) taken.add(match);
      hits.push(match >= 0);
      skips.push(match >= 0 ? out[match] : outside(areas[d]));
    });
    matched.push(hits);
    ignored.push(skips);
  }
  return { scores, matched, ignored, truth: out.filter((is) => !is).length };
}

/** Precision at each recall threshold and the last recall, by overlap threshold. */
interface Curve {
  readonly precision: readonly (readonly number[])[];
  readonly recall: readonly number[];
}

interface AccumulateOptions {
  readonly maxDet: number;
  readonly iouThrs: readonly number[];
  readonly recThrs: readonly number[];
}

function accumulate(
  pictures: readonly (Judged | undefined)[],
  { maxDet, iouThrs, recThrs }: AccumulateOptions,
): Curve | undefined {
  const present = pictures.filter((picture): picture is Judged => picture !== undefined);
  const truth = present.reduce((sum, picture) => sum + picture.truth, 0);
  if (truth === 0) return undefined;
  const all = present.flatMap((picture) => picture.scores.slice(0, maxDet).map((score, d) => ({ picture, d, score })));
  all.sort((a, b) => b.score - a.score);
  const precision: number[][] = [];
  const recall: number[] = [];
  iouThrs.forEach((_, t) => {
    const recalls: number[] = [];
    const precisions: number[] = [];
    let [tp, fp] = [0, 0];
    for (const { picture, d } of all) {
      if (!picture.ignored[t][d]) {
        if (picture.matched[t][d]) tp++;
        else fp++;
      }
      recalls.push(tp / truth);
      precisions.push(tp / (tp + fp + Number.EPSILON));
    }
    recall.push(recalls.at(-1) ?? 0);
    for (let i = precisions.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i], precisions[i + 1]);
    let at = 0;
    precision.push(
      recThrs.map((threshold) => {
        while (at < recalls.length && recalls[at] < threshold) at++;
        return precisions[at] ?? 0;
      }),
    );
  });
  return { precision, recall };
}

function precisionsOf(curve: Curve | undefined, thresholds: readonly number[], only?: number): number[] {
  if (!curve) return [];
  return curve.precision.filter((_, t) => only === undefined || Math.abs(thresholds[t] - only) < 1e-9).flat();
}
