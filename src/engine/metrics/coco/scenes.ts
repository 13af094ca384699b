import { UserError } from "../../../errors/index.js";
import type { Scene } from "./assign.js";
import { boxOverlaps, type CocoBox } from "./boxes.js";
import { maskOf, maskOverlaps } from "./masks.js";
import type { CocoAnnotation, CocoDetection, CocoGroundTruth, CocoId, CocoOptions, CocoParams } from "./types.js";

type Picture = CocoGroundTruth["images"][number];

/** A scene with the scores of its detections. */
export interface ScoredScene extends Scene {
  readonly scores: readonly number[];
}

/** Truth and detections of every class (by category id, -1 where classes do not count), picture by picture. */
export function scenesOf(
  truth: CocoGroundTruth,
  detections: readonly CocoDetection[],
  params: CocoParams & Pick<CocoOptions, "imageIds">,
): Map<number, ScoredScene[]> {
  const pictures = picturesOf(truth, params.imageIds);
  const categories = categoriesOf(truth);
  const groups = new Map(params.useCats ? categories.map((id) => [id, new Groups(pictures)]) : []);
  const all = new Groups(pictures);
  const add = <T extends CocoAnnotation | CocoDetection>(items: readonly T[], place: (g: Group) => T[]) => {
    for (const item of inOrder(items, { categories, byCategory: !params.useCats })) {
      const group = (params.useCats ? groups.get(item.category_id) : all)?.of(item.image_id);
      if (group) place(group).push(item);
    }
  };
  add(truth.annotations, (group) => group.truth);
  add(detections, (group) => group.found);
  const scenes = (of: Groups) => of.present().map((group) => sceneOf(group, params));
  if (!params.useCats) return new Map([[-1, scenes(all)]]);
  return new Map([...groups].map(([id, of]) => [id, scenes(of)]));
}

interface Group {
  readonly picture: Picture;
  readonly truth: CocoAnnotation[];
  readonly found: CocoDetection[];
}

// By picture, in the order of the pictures.
class Groups {
  private readonly groups = new Map<CocoId, Group>();

  constructor(private readonly pictures: ReadonlyMap<CocoId, Picture>) {}

  of(id: CocoId): Group | undefined {
    const picture = this.pictures.get(id);
    if (!picture) return undefined;
    const group = this.groups.get(id) ?? { picture, truth: [], found: [] };
    if (!this.groups.has(id)) this.groups.set(id, group);
    return group;
  }

  present = (): Group[] => [...this.pictures.keys()].flatMap((id) => this.groups.get(id) ?? []);
}

function picturesOf({ images }: CocoGroundTruth, only?: readonly CocoId[]): Map<CocoId, Picture> {
  const wanted = only && new Set(only);
  const kept = images.filter(({ id }) => !wanted || wanted.has(id));
  return new Map(kept.sort((a, b) => (a.id < b.id ? -1 : 1)).map((picture) => [picture.id, picture]));
}

function categoriesOf({ categories, annotations }: CocoGroundTruth): number[] {
  const ids = categories ? categories.map(({ id }) => id) : annotations.map(({ category_id }) => category_id);
  return [...new Set(ids)].sort((a, b) => a - b);
}

// Where classes do not count, ties are decided by rising category first.
function inOrder<T extends { readonly category_id: number }>(
  items: readonly T[],
  { categories, byCategory }: { categories: readonly number[]; byCategory: boolean },
): readonly T[] {
  if (!byCategory) return items;
  const known = new Set(categories);
  return items.filter(({ category_id: id }) => known.has(id)).sort((a, b) => a.category_id - b.category_id);
}

function sceneOf({ picture, truth, found: all }: Group, { iouType, maxDets }: CocoParams): ScoredScene {
  const found = all.toSorted((a, b) => b.score - a.score).slice(0, maxDets[maxDets.length - 1]);
  const crowds = truth.map(({ iscrowd }) => Boolean(iscrowd));
  const masks = (items: readonly Item[]) => items.map((item) => maskOf(item, picture));
  const boxes = (items: readonly Item[]) => items.map((item) => boxOf(item, picture));
  return {
    scores: found.map(({ score }) => score),
    truth: truth.map(({ id, area, bbox }, i) => ({ id, area: area ?? boxArea(bbox), crowd: crowds[i] })),
    areas: found.map((one) => (one.bbox?.length ? boxArea(one.bbox) : maskOf(one, picture).area)),
    overlaps:
      iouType === "bbox"
        ? boxOverlaps(boxes(found), boxes(truth), crowds)
        : maskOverlaps(masks(found), masks(truth), crowds),
  };
}

type Item = CocoAnnotation | CocoDetection;

// A detection that is a mask alone has the box around it.
function boxOf({ bbox, segmentation }: Item, picture: Picture): CocoBox {
  if (bbox?.length === 4) return [bbox[0], bbox[1], bbox[2], bbox[3]];
  if (!segmentation) throw new UserError(`an object of picture ${picture.id} has no bbox of 4 numbers`);
  return maskOf({ segmentation }, picture).box;
}

const boxArea = (bbox: readonly number[] = []): number => (bbox.length === 4 ? bbox[2] * bbox[3] : 0);
