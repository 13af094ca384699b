import { type HostArray, toFloat64 } from "swinyolo/graph";
import { type Expected, FloatNumber, isHostArray, type Rule } from "./expected.js";
import { fail, type Verdict, within, worst } from "./verdict.js";

interface Detection {
  class: number;
  confidence: number;
  box: number[]; // x1, y1, x2, y2 in pixels of the network input
}

/**
 * Pairs detections of equal class whose confidences and corners are near enough; each needs a partner of its own, but one
 * whose confidence is under `may_differ_below`. A list of detections is a tensor (m, 6) or a list of objects.
 */
export function compareDetections(expected: Expected | HostArray, actual: unknown, rule: Rule): Verdict {
  const { confidence, pixels, may_differ_below: least } = rule;
  if (confidence === undefined || pixels === undefined) return fail("a rule without confidence or pixels");
  const [want, got] = [detectionsOf(expected), detectionsOf(actual)];
  if (!want) return fail("detections expected that cannot be read");
  if (!got) return fail("no list of detections with class, confidence and xyxy_in_network_input");
  if (least === undefined && want.length !== got.length)
    return fail(`${got.length} detections, ${want.length} expected`);
  const far = (a: Detection, b: Detection) => distance(a, b, confidence, pixels);
  const partners = match(want, got, far, least);
  const back = match(got, want, far, least);
  const problems = [
    ...lonely(want, partners, least).map((d) => fail(`expected, but not found: ${show(d)}`)),
    ...lonely(got, back, least).map((d) => fail(`found, but not expected: ${show(d)}`)),
  ];
  const pairs = [...partners].map(([i, j]) => within(far(want[i], got[j]), 1, "share of the allowed distance"));
  return worst([...problems, ...pairs]);
}

// The largest difference as a share of what is allowed; a pair up to 1.
function distance(a: Detection, b: Detection, confidence: number, pixels: number): number {
  if (a.class !== b.class) return Number.POSITIVE_INFINITY;
  const corners = Math.max(...a.box.map((x, i) => Math.abs(x - b.box[i])));
  const d = Math.max(Math.abs(a.confidence - b.confidence) / confidence, corners / pixels);
  return Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
}

/**
 * Partners for as many of `from` as can have one, those that must first, nearest first (augmenting paths). If both sides'
 * obliged ones can be paired each for itself, one pairing serves both.
 */
function match(from: Detection[], to: Detection[], far: (a: Detection, b: Detection) => number, least?: number) {
  const owner = new Map<number, number>();
  const near = from.map((a) => {
    const order = to.map((b, j) => ({ j, d: far(a, b) })).filter(({ d }) => d <= 1);
    return order.sort((x, y) => x.d - y.d).map(({ j }) => j);
  });
  const seek = (i: number, tried: Set<number>): boolean =>
    near[i].some((j) => {
      if (tried.has(j)) return false;
      tried.add(j);
      if (owner.has(j) && !seek(owner.get(j)!, tried)) return false;
      owner.set(j, i);
      return true;
    });
  const order = from.map((_, i) => i).sort((a, b) => Number(mayMiss(from[a], least)) - Number(mayMiss(from[b], least)));
  for (const i of order) seek(i, new Set());
  return new Map([...owner].map(([j, i]) => [i, j]));
}

const mayMiss = ({ confidence }: Detection, least: number | undefined) => least !== undefined && confidence < least;

const lonely = (all: Detection[], partners: Map<number, number>, least: number | undefined) =>
  all.filter((detection, i) => !partners.has(i) && !mayMiss(detection, least));

function detectionsOf(value: Expected | HostArray | unknown): Detection[] | undefined {
  if (isHostArray(value)) {
    const [rows, columns] = value.shape;
    if (value.shape.length !== 2 || columns !== 6) return undefined;
    const v = toFloat64(value);
    return Array.from({ length: rows }, (_, i) => ({
      class: v[i * 6 + 5],
      confidence: v[i * 6 + 4],
      box: Array.from(v.subarray(i * 6, i * 6 + 4)),
    }));
  }
  if (!Array.isArray(value)) return undefined;
  const list = value.map(detectionOf);
  return list.every((d) => d !== undefined) ? list : undefined;
}

function detectionOf(value: unknown): Detection | undefined {
  if (Array.isArray(value) && value.length === 6) {
    const numbers = value.map(numberOf);
    return { class: numbers[5], confidence: numbers[4], box: numbers.slice(0, 4) };
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { class: number, confidence, xyxy_in_network_input: box } = value as Record<string, unknown>;
  if (!Array.isArray(box) || box.length !== 4) return undefined;
  return { class: numberOf(number), confidence: numberOf(confidence), box: box.map(numberOf) };
}

const numberOf = (value: unknown): number => (value instanceof FloatNumber ? value.value : Number(value));

const show = ({ class: number, confidence, box }: Detection) =>
  `class ${number}, confidence ${confidence.toFixed(3)} at ${box.map((x) => x.toFixed(1)).join(", ")}`;
