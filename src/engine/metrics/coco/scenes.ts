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

/** Truth and detections class by class (a category's id, -1 where classes do not count), picture by picture. */
export function* scenesOf(
  truth: CocoGroundTruth,
  detections: readonly CocoDetection[],
  params: CocoParams & Pick<CocoOptions, "imageIds">,
): Generator<{ readonly id: number; readonly scenes: ScoredScene[] }> {
  const pictures = picturesOf(truth, params.imageIds);
  const categories = categoriesOf(truth);
  const [objects, found] = [byCategory(truth.annotations), byCategory(detections)];
  // Where classes do not count, ties are decided by rising category first.
  const classes = params.useCats ? categories.map((id) => ({ id, members: [id] })) : [{ id: -1, members: categories }];
  for (const { id, members } of classes) {
    const of = <T>(items: ReadonlyMap<number, T[]>) => members.flatMap((member) => items.get(member) ?? []);
    const groups = byPicture(of(objects), of(found), pictures);
    yield { id, scenes: groups.map((group) => sceneOf(group, params)) };
  }
}

function byCategory<T extends Item>(items: readonly T[]): Map<number, T[]> {
  const lists = new Map<number, T[]>();
  for (const item of items) {
    const list = lists.get(item.category_id);
    if (list) list.push(item);
    else lists.set(item.category_id, [item]);
  }
  return lists;
}

interface Group {
  readonly picture: Picture;
  readonly truth: CocoAnnotation[];
  readonly found: CocoDetection[];
}

// Pictures with truth or detections, in the order of `pictures`; what belongs to none of them is left out.
function byPicture(
  truth: readonly CocoAnnotation[],
  found: readonly CocoDetection[],
  pictures: ReadonlyMap<CocoId, Picture>,
): Group[] {
  const present = new Set([...truth, ...found].map(({ image_id: id }) => id));
  const groups = new Map<CocoId, Group>();
  for (const [id, picture] of pictures) if (present.has(id)) groups.set(id, { picture, truth: [], found: [] });
  for (const object of truth) groups.get(object.image_id)?.truth.push(object);
  for (const detection of found) groups.get(detection.image_id)?.found.push(detection);
  return [...groups.values()];
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
