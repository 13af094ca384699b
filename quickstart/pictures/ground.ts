import type { Rng } from "swinyolo/data";
import { mix, type Rgb } from "./colour.js";

/** Light from the direction of the unit vector `from` (y down), in every part of one picture. */
export interface Light {
  from: readonly [x: number, y: number];
}

/** The ground of a picture, lit: `size` x `size` RGB bytes of one of the textures below. */
export function ground(rng: Rng, light: Light, size: number): Uint8Array {
  const colourAt = rng.choice(Object.values(textures))(rng);
  const [fx, fy] = light.from;
  const fall = rng.uniform(0.1, 0.28);
  const grain = rng.uniform(2, 6);
  const bytes = new Uint8Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [u, v] = [(x + 0.5) / size, (y + 0.5) / size];
      const lit = 1 + fall * (fx * (u - 0.5) + fy * (v - 0.5)) * 2 - fall * ((u - 0.5) ** 2 + (v - 0.5) ** 2);
      const speckle = (rng.next() - 0.5) * 2 * grain;
      const colour = colourAt(u, v);
      for (let c = 0; c < 3; c++) bytes[at++] = Math.max(0, Math.min(255, colour[c] * lit + speckle));
    }
  }
  return bytes;
}

/** A texture draws its own colours and gives a colour for each place (0 to 1 across and down). */
type Texture = (rng: Rng) => (u: number, v: number) => Rgb;

const textures: Record<string, Texture> = { wood, paper, linen, sand, wash, tiles, felt, slate };

function wood(rng: Rng) {
  const [light, dark] = rng.choice<[Rgb, Rgb]>([
    [
      [214, 170, 118],
      [168, 118, 70],
    ],
    [
      [178, 128, 86],
      [120, 76, 46],
    ],
    [
      [226, 202, 166],
      [188, 158, 118],
    ],
    [
      [126, 92, 70],
      [78, 54, 42],
    ],
  ]);
  const boards = 2 + rng.int(4);
  const [wave, fibre, tint] = [noise(rng, 64), noise(rng, 512), noise(rng, 16)];
  const turned = rng.next() < 0.5;
  return (across: number, down: number): Rgb => {
    const [u, v] = turned ? [down, across] : [across, down];
    const board = Math.floor(v * boards);
    const inBoard = v * boards - board;
    const bent = v * 14 + wave(u * 1.5 + board * 7, v * 3) * 5;
    const ring = 0.5 + 0.5 * Math.sin(bent * 2.2);
    const line = fibre(u * 6 + board * 31, v * 120);
    const seam = Math.min(inBoard, 1 - inBoard) * (256 / boards) < 1.3 ? 0.55 : 0;
    const part = 0.42 * ring + 0.4 * line + 0.35 * (tint(board * 1.7, 0.5) - 0.5) + seam;
    return mix(light, dark, Math.min(1.3, part));
  };
}

function paper(rng: Rng) {
  const base = rng.choice<Rgb>([
    [238, 230, 212],
    [226, 232, 232],
    [222, 208, 184],
    [196, 212, 204],
    [236, 214, 208],
  ]);
  const [cloud, fibre] = [noise(rng, 32), noise(rng, 256)];
  const ruled = rng.next() < 0.45;
  const every = rng.uniform(12, 18);
  return (u: number, v: number): Rgb => {
    const shade = 0.1 * cloud(u * 4, v * 4) + 0.1 * fibre(u * 90, v * 90);
    const line = ruled && Math.min((u * every) % 1, (v * every) % 1) < 0.07 ? 0.13 : 0;
    return mix(base, [110, 120, 150], shade + line);
  };
}

function linen(rng: Rng) {
  const base = rng.choice<Rgb>([
    [176, 186, 178],
    [206, 190, 164],
    [128, 146, 160],
    [196, 160, 150],
    [112, 124, 104],
  ]);
  const [warp, weft] = [noise(rng, 256), noise(rng, 256)];
  const threads = rng.uniform(44, 60);
  return (u: number, v: number): Rgb => {
    const over = Math.sin(u * threads * Math.PI) * Math.sin(v * threads * Math.PI);
    return mix(base, [40, 36, 40], 0.16 + 0.13 * over + 0.2 * (warp(u * 120, v * 9) + weft(u * 9, v * 120) - 1));
  };
}

function sand(rng: Rng) {
  const [base, wet] = rng.choice<[Rgb, Rgb]>([
    [
      [226, 204, 160],
      [176, 146, 104],
    ],
    [
      [210, 190, 168],
      [150, 128, 112],
    ],
    [
      [232, 220, 196],
      [184, 170, 150],
    ],
  ]);
  const [dune, grit] = [noise(rng, 32), noise(rng, 256)];
  const [du, dv] = [rng.uniform(2, 9), rng.uniform(2, 9)];
  return (u: number, v: number): Rgb => {
    const ripple = 0.5 + 0.5 * Math.sin((u * du + v * dv + dune(u * 3, v * 3) * 1.6) * 5);
    return mix(base, wet, 0.45 * ripple * dune(u * 2 + 9, v * 2) + 0.5 * (grit(u * 150, v * 150) - 0.25));
  };
}

function wash(rng: Rng) {
  const tones: Rgb[] = [
    [150, 190, 206],
    [206, 178, 206],
    [240, 206, 170],
    [178, 206, 168],
    [232, 178, 172],
    [126, 150, 186],
    [234, 226, 206],
  ];
  const [a, b, c] = rng.shuffle(tones);
  const [broad, fine, drop] = [noise(rng, 16), noise(rng, 64), noise(rng, 64)];
  return (u: number, v: number): Rgb => {
    const warped = broad(u * 2.4 + fine(u * 6, v * 6) * 0.5, v * 2.4 + 3);
    const edge = Math.abs(drop(u * 3.2, v * 3.2 + 7) - 0.5) < 0.022 ? 0.12 : 0;
    return mix(mix(mix(a, b, smoothstep(0.3, 0.7, warped)), c, 0.7 * drop(u * 2, v * 2)), [70, 70, 90], edge);
  };
}

function tiles(rng: Rng) {
  const [base, other, grout] = rng.choice<[Rgb, Rgb, Rgb]>([
    [
      [206, 220, 222],
      [176, 200, 206],
      [236, 236, 230],
    ],
    [
      [196, 130, 100],
      [178, 112, 84],
      [222, 206, 186],
    ],
    [
      [92, 118, 128],
      [76, 98, 112],
      [160, 170, 170],
    ],
    [
      [226, 216, 190],
      [206, 192, 160],
      [150, 136, 116],
    ],
  ]);
  const across = 3 + rng.int(3);
  const [shift, glaze] = [rng.next(), noise(rng, 64)];
  return (u: number, v: number): Rgb => {
    const [x, y] = [u * across + shift, v * across + shift];
    const [inX, inY] = [x - Math.floor(x), y - Math.floor(y)];
    const near = Math.min(inX, 1 - inX, inY, 1 - inY);
    const checked = (Math.floor(x) + Math.floor(y)) % 2;
    const tile = mix(mix(base, other, checked), [255, 255, 255], 0.25 * glaze(u * 7, v * 7) * (1 - inY));
    return mix(grout, tile, smoothstep(0.015, 0.045, near));
  };
}

function felt(rng: Rng) {
  const base = rng.choice<Rgb>([
    [66, 104, 92],
    [92, 84, 124],
    [128, 70, 76],
    [70, 98, 132],
    [142, 124, 90],
  ]);
  const [cloud, hair, cross] = [noise(rng, 32), noise(rng, 256), noise(rng, 256)];
  return (u: number, v: number): Rgb => {
    const fibres = hair(u * 110 + v * 40, v * 34) + cross(u * 34, v * 110 + u * 40) - 1;
    return mix(base, [240, 240, 230], 0.12 * cloud(u * 5, v * 5) + 0.22 * fibres + 0.05);
  };
}

function slate(rng: Rng) {
  const [base, pale] = rng.choice<[Rgb, Rgb]>([
    [
      [82, 88, 98],
      [136, 142, 148],
    ],
    [
      [120, 112, 106],
      [178, 170, 160],
    ],
    [
      [200, 200, 198],
      [238, 236, 232],
    ],
  ]);
  const [a, b, vein] = [noise(rng, 32), noise(rng, 128), noise(rng, 64)];
  return (u: number, v: number): Rgb => {
    const turbulence = 0.6 * a(u * 4, v * 4) + 0.28 * b(u * 13, v * 13) + 0.16 * b(u * 60, v * 60);
    const line = 1 - Math.min(1, Math.abs(vein(u * 3 + 0.6 * a(u * 6, v * 6), v * 3) - 0.5) * 22);
    return mix(base, pale, turbulence * 0.9 + 0.4 * line - 0.15);
  };
}

/** Smooth noise between 0 and 1 with about one bump a unit, repeating after `period` units (a power of two). */
function noise(rng: Rng, period: number): (x: number, y: number) => number {
  const values = Float32Array.from({ length: 4096 }, () => rng.next());
  const mask = period - 1;
  const at = (x: number, y: number) =>
    values[((x & mask) * 73 + (y & mask) * 1009 + (((x & mask) * (y & mask)) >> 1)) & 4095];
  return (x, y) => {
    const [ix, iy] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [ease(x - ix), ease(y - iy)];
    const top = at(ix, iy) + (at(ix + 1, iy) - at(ix, iy)) * u;
    const bottom = at(ix, iy + 1) + (at(ix + 1, iy + 1) - at(ix, iy + 1)) * u;
    return top + (bottom - top) * v;
  };
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

function smoothstep(from: number, to: number, x: number): number {
  return ease(Math.max(0, Math.min(1, (x - from) / (to - from))));
}
