import type { Rng } from "swinyolo/data";
import { css, mix, palette, type Rgb, toned } from "./colour.js";
import { type Point, smooth } from "./geometry.js";
import type { Light } from "./ground.js";
import type { Thing } from "./scene.js";
import type { Detail } from "./shapes.js";

/** The picture's objects and its litter as an SVG without ground, to be laid over one. */
export function paint(things: Thing[], rng: Rng, { size, light }: { size: number; light: Light }): string {
  const litter = Array.from({ length: 4 + rng.int(10) }, () => rng.choice(scraps)(rng, size)).join("");
  const objects = things.map((thing, i) => paintThing(thing, `t${i}`, { rng, light })).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">${litter}${objects}</svg>`;
}

function paintThing(thing: Thing, id: string, { rng, light }: { rng: Rng; light: Light }): string {
  const colour = shifted(palette[thing.colour], rng);
  const body = `<path id="${id}" fill-rule="evenodd" d="${closed(thing.outline)}${closed(thing.shape.hole?.map(thing.toPicture) ?? [])}"/>`;
  const use = (attributes: string) => `<use href="#${id}" ${attributes}/>`;
  const gradient = (name: string, from: number, to: number) =>
    `<linearGradient id="${id}${name}" ${along(light)}><stop stop-color="${css(toned(colour, from))}"/>` +
    `<stop offset="1" stop-color="${css(toned(colour, to))}"/></linearGradient>`;
  const details = thing.shape.details.map((detail) => paintDetail(detail, thing, { colour, light })).join("");
  return (
    `<defs>${body}${gradient("f", 0.22, -0.16)}${gradient("r", 0.55, -0.5)}</defs>` +
    shadow(thing, light, use) +
    use(`fill="url(#${id}f)"`) +
    details +
    use(`fill="none" stroke="url(#${id}r)" stroke-linejoin="round" stroke-width="${thing.rim.toFixed(2)}"`)
  );
}

// A soft edge out of lines of growing width, each nearly clear.
function shadow(thing: Thing, { from }: Light, use: (attributes: string) => string): string {
  const depth = 1.2 + 0.045 * thing.scale;
  const move = `transform="translate(${(-from[0] * depth).toFixed(2)} ${(-from[1] * depth).toFixed(2)})"`;
  const widths = [0.5, 1.2, 2.1];
  const layers = widths.map((width) =>
    use(`${move} stroke="#0a0818" stroke-width="${(width * depth).toFixed(2)}" stroke-linejoin="bevel" opacity="0.14"`),
  );
  return `<g fill="#0a0818">${layers.join("")}</g>`;
}

function paintDetail(detail: Detail, thing: Thing, { colour, light }: { colour: Rgb; light: Light }): string {
  const points = detail.points.map(thing.toPicture);
  const tone = "tone" in detail ? detail.tone : 0.38 * dot(thing.turn(detail.slope), light.from);
  const paintOf = css(toned(colour, tone));
  if (detail.width === undefined) return `<path d="${closed(points)}" fill="${paintOf}" opacity="0.85"/>`;
  const width = (detail.width * thing.scale).toFixed(2);
  return `<path d="${open(points)}" fill="none" stroke="${paintOf}" stroke-width="${width}" stroke-linecap="round" opacity="0.8"/>`;
}

/** Litter that belongs to no class: specks, threads, pebbles, stains, slivers. */
const scraps: ((rng: Rng, size: number) => string)[] = [specks, thread, pebble, stain, sliver];

function specks(rng: Rng, size: number): string {
  const [x, y] = somewhere(rng, size);
  const colour = css(litterColour(rng));
  const dots = Array.from({ length: 3 + rng.int(8) }, () => {
    const [dx, dy] = [rng.normal() * 0.07 * size, rng.normal() * 0.07 * size];
    return `<circle cx="${(x + dx).toFixed(1)}" cy="${(y + dy).toFixed(1)}" r="${(rng.uniform(0.0015, 0.006) * size).toFixed(2)}"/>`;
  });
  return `<g fill="${colour}" opacity="0.8">${dots.join("")}</g>`;
}

function thread(rng: Rng, size: number): string {
  const [x, y] = somewhere(rng, size);
  const step = () => (rng.normal() * 0.14 * size).toFixed(1);
  const path = `M${x.toFixed(1)} ${y.toFixed(1)}c${Array.from({ length: 12 }, step).join(" ")}`;
  const width = (rng.uniform(0.003, 0.007) * size).toFixed(2);
  return (
    `<g fill="none" stroke-linecap="round" stroke-width="${width}">` +
    `<path d="${path}" stroke="#0a0818" opacity="0.25" transform="translate(1 1.4)"/>` +
    `<path d="${path}" stroke="${css(litterColour(rng))}" opacity="0.9"/></g>`
  );
}

function pebble(rng: Rng, size: number): string {
  const d = closed(blob(rng, somewhere(rng, size), rng.uniform(0.012, 0.04) * size));
  const colour = mix(litterColour(rng), [150, 146, 140], 0.6);
  return (
    `<path d="${d}" fill="#0a0818" opacity="0.28" transform="translate(1 1.5)"/>` +
    `<path d="${d}" fill="${css(colour)}" stroke="${css(toned(colour, -0.25))}" stroke-width="0.7"/>`
  );
}

function stain(rng: Rng, size: number): string {
  const d = closed(blob(rng, somewhere(rng, size), rng.uniform(0.05, 0.16) * size));
  return `<path d="${d}" fill="${css(litterColour(rng))}" opacity="${rng.uniform(0.1, 0.24).toFixed(2)}"/>`;
}

function sliver(rng: Rng, size: number): string {
  const [x, y] = somewhere(rng, size);
  const angle = rng.uniform(0, 180).toFixed(0);
  const length = rng.uniform(0.05, 0.2) * size;
  const width = rng.uniform(0.008, 0.018) * size;
  const bar = (down: number, paint: string) =>
    `<rect x="${(-length / 2).toFixed(1)}" y="${(down - width / 2).toFixed(1)}" rx="1" ` +
    `width="${length.toFixed(1)}" height="${width.toFixed(1)}" ${paint}/>`;
  const turned = `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${angle})`;
  return `<g transform="${turned}">${bar(1.2, 'opacity="0.25"')}${bar(0, `fill="${css(litterColour(rng))}"`)}</g>`;
}

function blob(rng: Rng, [x, y]: Point, radius: number): Point[] {
  const around = Array.from({ length: 8 }, (_, i): Point => {
    const r = radius * rng.uniform(0.75, 1.2);
    return [x + r * Math.cos((i * Math.PI) / 4), y + 0.8 * r * Math.sin((i * Math.PI) / 4)];
  });
  return smooth(around, 4);
}

function somewhere(rng: Rng, size: number): Point {
  return [rng.uniform(0, size), rng.uniform(0, size)];
}

function litterColour(rng: Rng): Rgb {
  return shifted(rng.choice(Object.values(palette)), rng);
}

function shifted(colour: Rgb, rng: Rng): Rgb {
  const shift = () => rng.uniform(-12, 12);
  const clip = (x: number) => Math.max(0, Math.min(255, x));
  return [clip(colour[0] + shift()), clip(colour[1] + shift()), clip(colour[2] + shift())];
}

// The direction of a gradient that starts at the light, in parts of the painted box.
function along({ from: [x, y] }: Light): string {
  const at = (value: number) => (0.5 + 0.5 * value).toFixed(3);
  return `x1="${at(x)}" y1="${at(y)}" x2="${at(-x)}" y2="${at(-y)}"`;
}

function closed(points: Point[]): string {
  return points.length ? `${open(points)}Z` : "";
}

function open(points: Point[]): string {
  return `M${points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}`;
}

function dot([ax, ay]: Point, [bx, by]: readonly [number, number]): number {
  return ax * bx + ay * by;
}
