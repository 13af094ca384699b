import type { Rng } from "swinyolo/data";
import { arc, type Point, smooth } from "./geometry.js";

/**
 * A class's drawing, about 2 units across around the origin. `hole` is cut out of the outline; the details are drawn on it.
 */
export interface Shape {
  outline: Point[];
  hole?: Point[];
  details: Detail[];
}

/**
 * A mark on a shape: `area` and `line` (open, `width` in units) follow their points. `tone` is how much lighter (to 1) or
 * darker (to -1) than the shape; a `slope` in its place is a facet that falls off in that direction, lit by the picture's light.
 */
export type Detail = { points: Point[]; width?: number } & ({ tone: number } | { slope: Point });

/** What there is to find: a drawing by the name of its class. No two pictures of a class are quite alike. */
export const shapes: Record<string, (rng: Rng) => Shape> = { star, heart, moon, leaf, gear, fish };

function star(rng: Rng): Shape {
  const inner = rng.uniform(0.44, 0.54);
  const outline = Array.from({ length: 10 }, (_, i) => polar(i % 2 ? inner : 1, (i * Math.PI) / 5));
  const details = outline.map((a, i): Detail => {
    const b = outline[(i + 1) % 10];
    return { points: [[0, 0], a, b], slope: unit([b[1] - a[1], a[0] - b[0]]) };
  });
  return { outline, details };
}

function heart(rng: Rng): Shape {
  const width = rng.uniform(0.95, 1.08);
  const outline = Array.from({ length: 56 }, (_, i): Point => {
    const t = (i * Math.PI) / 28;
    const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [width * Math.sin(t) ** 3, -(y + 2.5) / 16];
  });
  const gloss = smooth(
    [
      [-0.72, -0.28],
      [-0.62, -0.52],
      [-0.38, -0.66],
      [-0.34, -0.56],
      [-0.52, -0.42],
      [-0.62, -0.22],
    ],
    5,
  );
  return { outline, details: [{ points: gloss, tone: 0.75 }] };
}

function moon(rng: Rng): Shape {
  const away = rng.uniform(0.42, 0.52);
  const radius = rng.uniform(0.8, 0.86);
  const x = (away * away + 1 - radius * radius) / (2 * away);
  const y = Math.sqrt(1 - x * x);
  const [tip, back] = [Math.atan2(y, x), Math.atan2(y, x - away)];
  const side = rng.choice([-1, 1]);
  const flip = ([px, py]: Point): Point => [side * (px + 0.25), py];
  const outline = [
    ...arc([0, 0], 1, [tip, 2 * Math.PI - tip], 48),
    ...arc([away, 0], radius, [2 * Math.PI - back, back], 36).slice(1, -1),
  ];
  const craters = [
    [-0.68, 0.2, 0.13],
    [-0.6, -0.32, 0.09],
    [-0.38, 0.62, 0.08],
  ].map(([cx, cy, r]): Detail => ({ points: arc([cx, cy], r, [0, 2 * Math.PI], 16).map(flip), tone: -0.28 }));
  return { outline: outline.map(flip), details: craters };
}

function leaf(rng: Rng): Shape {
  const width = rng.uniform(0.42, 0.5);
  const bend = rng.uniform(-0.22, 0.22);
  const spine = (y: number) => bend * (1 - y * y);
  const half = (t: number) => width * Math.sin(Math.PI * t ** 0.85) ** 0.8 * (0.93 + 0.13 * ((t * 9) % 1));
  const side = (sign: number) =>
    Array.from({ length: 37 }, (_, i): Point => {
      const t = i / 36;
      return [spine(2 * t - 1) + sign * half(t), -1 + 1.6 * t];
    });
  const stem: Point[] = [
    [0.05, 0.62],
    [0.09 - bend * 0.6, 1],
    [-0.01 - bend * 0.6, 1],
    [-0.05, 0.62],
  ];
  const vein = (t: number, sign: number): Detail => ({
    points: [
      [spine(2 * t - 1), -1 + 1.6 * t],
      [spine(2 * t - 1) + sign * half(t) * 0.72, -1.22 + 1.6 * t],
    ],
    width: 0.045,
    tone: 0.55,
  });
  const rib = Array.from({ length: 13 }, (_, i): Point => [spine(i / 6 - 1), -0.93 + (1.6 * i) / 12.6]);
  const veins = [0.35, 0.52, 0.69, 0.84].flatMap((t) => [vein(t, 1), vein(t, -1)]);
  const dark = [...side(1), ...rib.toReversed()];
  return {
    outline: [...side(1).slice(0, -1), ...stem, ...side(-1).slice(1, -1).toReversed()],
    details: [{ points: dark, tone: -0.16 }, { points: rib, width: 0.07, tone: 0.55 }, ...veins],
  };
}

function gear(rng: Rng): Shape {
  const teeth = 8 + rng.int(3);
  const root = rng.uniform(0.7, 0.76);
  const turn = (2 * Math.PI) / teeth;
  const corners: Point[] = [
    [root, -0.31],
    [1, -0.19],
    [1, 0.19],
    [root, 0.31],
  ];
  const outline = Array.from({ length: teeth }, (_, i) => corners.map(([r, at]) => polar(r, (i + at) * turn))).flat();
  const groove = arc([0, 0], 0.52, [0, 2 * Math.PI], 40);
  const bolts = Array.from({ length: 4 }, (_, i): Detail => {
    const [x, y] = polar(0.52, ((i + 0.5) * Math.PI) / 2);
    return { points: arc([x, y], 0.075, [0, 2 * Math.PI], 12), tone: -0.5 };
  });
  return {
    outline,
    hole: arc([0, 0], rng.uniform(0.24, 0.3), [0, 2 * Math.PI], 28),
    details: [{ points: groove, width: 0.06, tone: -0.3 }, ...bolts],
  };
}

function fish(rng: Rng): Shape {
  const side = rng.choice([-1, 1]);
  const fat = rng.uniform(0.9, 1.1);
  const place = ([x, y]: Point): Point => [side * x, y * fat];
  const body: Point[] = [
    [1, 0.02],
    [0.78, -0.3],
    [0.4, -0.47],
    [0.12, -0.66],
    [-0.22, -0.6],
    [-0.2, -0.4],
    [-0.52, -0.13],
    [-0.72, -0.32],
    [-1, -0.52],
    [-0.96, -0.25],
    [-0.84, 0],
    [-0.96, 0.25],
    [-1, 0.52],
    [-0.72, 0.32],
    [-0.52, 0.13],
    [-0.2, 0.38],
    [-0.12, 0.58],
    [0.12, 0.48],
    [0.4, 0.45],
    [0.78, 0.28],
  ];
  const line = (...points: Point[]): Detail => ({ points: points.map(place), width: 0.055, tone: -0.4 });
  const dot = (x: number, y: number, r: number) => arc(place([x, y]), r, [0, 2 * Math.PI], 16);
  const scale = (x: number) => line([x + 0.1, -0.26], [x, -0.1], [x, 0.08], [x + 0.1, 0.26]);
  return {
    outline: smooth(body.map(place), 4),
    details: [
      scale(0.34),
      scale(0.08),
      scale(-0.18),
      line([-0.68, -0.1], [-0.86, -0.28]),
      line([-0.68, 0.1], [-0.86, 0.28]),
      { points: dot(0.68, -0.08, 0.13), tone: 0.92 },
      { points: dot(0.7, -0.08, 0.07), tone: -0.92 },
    ],
  };
}

function polar(radius: number, angle: number): Point {
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

function unit([x, y]: Point): Point {
  const length = Math.hypot(x, y);
  return [x / length, y / length];
}
