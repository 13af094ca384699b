import type { Rng } from "swinyolo/data";
import { type Box, boxAround, inside, iou, type Point } from "./geometry.js";
import { type Shape, shapes } from "./shapes.js";

/** The classes, in the order of their numbers. */
export const names = Object.keys(shapes);

/** What an object is: its class and the name of its colour. */
export interface Kind {
  name: string;
  colour: string;
}

/** An object in its place: `toPicture` takes points of its shape to pixels, `outline` is there already; `rim` is the width of
 * the line around it in pixels; `box` goes around all that is drawn of it, rim included. */
export interface Thing extends Kind {
  shape: Shape;
  scale: number;
  rim: number;
  toPicture(point: Point): Point;
  turn(direction: Point): Point;
  outline: Point[];
  box: Box;
}

/** Places the objects, the largest first, so that what is drawn later never hides an end of what lies below. */
export function arrange(kinds: Kind[], rng: Rng, size: number): Thing[] {
  const sides = kinds.map(() => 0.06 + 0.54 * rng.beta(1.7, 3.1)).sort((a, b) => b - a);
  const placed: Thing[] = [];
  for (const [i, kind] of rng.shuffle([...kinds]).entries()) {
    const thing = findPlace(kind, sides[i] * size, { placed, rng, size });
    if (thing) placed.push(thing);
  }
  return placed;
}

// A place that will not be found is looked for with a smaller object.
function findPlace(
  kind: Kind,
  side: number,
  { placed, rng, size }: { placed: Thing[]; rng: Rng; size: number },
): Thing | undefined {
  const shape = shapes[kind.name](rng);
  const angle = rng.uniform(0, 2 * Math.PI);
  const closeness = rng.next() < 0.35 ? mostOverlap : 0.02;
  for (let attempt = 0; attempt < 240; attempt++) {
    const shrunk = Math.max(0.0605 * size, side * 0.94 ** Math.floor(attempt / 6));
    const thing = put(kind, shape, { side: shrunk, angle, rng, size });
    if (placed.every((below) => iou(below.box, thing.box) <= closeness && showsEnough(below, [...placed, thing]))) {
      return thing;
    }
  }
  return undefined;
}

/** The largest IoU of two boxes; below the 0.3 that is promised, as labels are rounded. */
const mostOverlap = 0.29;

function put(
  kind: Kind,
  shape: Shape,
  { side, angle, rng, size }: { side: number; angle: number; rng: Rng; size: number },
): Thing {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turn = ([x, y]: Point): Point => [cos * x - sin * y, sin * x + cos * y];
  const [x1, y1, x2, y2] = boxAround(shape.outline.map(turn));
  const rim = Math.max(1, side * 0.028);
  const scale = (side - rim) / Math.max(x2 - x1, y2 - y1);
  const [width, height] = [scale * (x2 - x1) + rim, scale * (y2 - y1) + rim];
  const left = rng.uniform(1, size - 1 - width);
  const top = rng.uniform(1, size - 1 - height);
  const toPicture = (point: Point): Point => {
    const [x, y] = turn(point);
    return [left + rim / 2 + scale * (x - x1), top + rim / 2 + scale * (y - y1)];
  };
  const outline = shape.outline.map(toPicture);
  return { ...kind, shape, scale, rim, toPicture, turn, outline, box: [left, top, left + width, top + height] };
}

// All four ends of the object and most of its outline are in sight.
function showsEnough(thing: Thing, all: Thing[]): boolean {
  const above = all.slice(all.indexOf(thing) + 1).filter(({ box }) => iou(box, thing.box) > 0);
  if (above.length === 0) return true;
  const inSight = thing.outline.filter(
    (point) => !above.some((other) => near(point, other.box) && inside(point, other.outline)),
  );
  if (inSight.length < 0.7 * thing.outline.length) return false;
  const [seen, full] = [boxAround(inSight), boxAround(thing.outline)];
  return seen.every((edge, i) => Math.abs(edge - full[i]) < 0.4);
}

function near([x, y]: Point, [x1, y1, x2, y2]: Box): boolean {
  return x > x1 && x < x2 && y > y1 && y < y2;
}
