import type { Rng } from "swinyolo/data";
import type { Rgb } from "./colour.js";

/** Light from the direction of the unit vector `from` (y down), in every part of one picture. */
export interface Light {
  from: readonly [x: number, y: number];
}

/** The ground of a picture, lit: `size` x `size` RGB bytes of one of the textures below. */
export function ground(rng: Rng, light: Light, size: number): Uint8Array {
  const { base, layers } = rng.choice(Object.values(textures))(rng);
  const lit = lighting(rng, light);
  const [grain, grains] = [rng.uniform(2, 6), randoms(rng)];
  const bytes = new Uint8ClampedArray(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++, at += 3) {
      const u = (x + 0.5) / size;
      const v = (y + 0.5) / size;
      let r = base[0];
      let g = base[1];
      let b = base[2];
      for (const { colour, part } of layers) {
        const share = part(u, v);
        r += (colour[0] - r) * share;
        g += (colour[1] - g) * share;
        b += (colour[2] - b) * share;
      }
      const strength = lit(u, v);
      const speckle = (grains[scatter(x, y)] - 0.5) * 2 * grain;
      bytes[at] = r * strength + speckle;
      bytes[at + 1] = g * strength + speckle;
      bytes[at + 2] = b * strength + speckle;
    }
  }
  return new Uint8Array(bytes.buffer);
}

// Brighter towards the light, darker towards the corners.
function lighting(rng: Rng, { from: [x, y] }: Light): (u: number, v: number) => number {
  const fall = rng.uniform(0.1, 0.28);
  return (u, v) => 1 + fall * (2 * (x * (u - 0.5) + y * (v - 0.5)) - (u - 0.5) ** 2 - (v - 0.5) ** 2);
}

/** A ground before light: a colour, and colours laid over it in order, of which `part` is taken at each place (0 to 1
 * across and down; 1 hides what lies below). */
interface Surface {
  base: Rgb;
  layers: { colour: Rgb; part: (u: number, v: number) => number }[];
}

const textures: Record<string, (rng: Rng) => Surface> = { wood, paper, linen, sand, wash, tiles, felt, slate };

function wood(rng: Rng): Surface {
  const [base, colour] = rng.choice<[Rgb, Rgb]>([
    [hex(0xd6aa76), hex(0xa87646)],
    [hex(0xb28056), hex(0x784c2e)],
    [hex(0xe2caa6), hex(0xbc9e76)],
    [hex(0x7e5c46), hex(0x4e362a)],
  ]);
  const boards = 2 + rng.int(4);
  const [wave, fibre, tint] = noises(rng);
  const grain = (u: number, v: number) => {
    const board = Math.floor(v * boards);
    const inBoard = v * boards - board;
    const ring = 0.5 + 0.5 * Math.sin(v * 31 + wave(u * 1.5 + board * 7, v * 3) * 11);
    const line = fibre(u * 6 + board * 31, v * 120);
    const seam = Math.min(inBoard, 1 - inBoard) < 0.005 * boards ? 0.55 : 0;
    return Math.min(1.3, 0.42 * ring + 0.4 * line + 0.35 * (tint(board * 1.7, 0.5) - 0.5) + seam);
  };
  const turned = rng.next() < 0.5;
  return { base, layers: [{ colour, part: turned ? (u, v) => grain(v, u) : grain }] };
}

function paper(rng: Rng): Surface {
  const base = hex(rng.choice([0xeee6d4, 0xe2e8e8, 0xded0b8, 0xc4d4cc, 0xecd6d0]));
  const [cloud, fibre] = noises(rng);
  const ruled = rng.next() < 0.45;
  const every = rng.uniform(12, 18);
  const part = (u: number, v: number) => {
    const line = ruled && Math.min((u * every) % 1, (v * every) % 1) < 0.07 ? 0.13 : 0;
    return 0.1 * cloud(u * 4, v * 4) + 0.1 * fibre(u * 90, v * 90) + line;
  };
  return { base, layers: [{ colour: hex(0x6e7896), part }] };
}

function linen(rng: Rng): Surface {
  const base = hex(rng.choice([0xb0bab2, 0xcebea4, 0x8092a0, 0xc4a096, 0x707c68]));
  const [warp, weft] = noises(rng);
  const threads = rng.uniform(44, 60) * Math.PI;
  const part = (u: number, v: number) =>
    0.16 +
    0.13 * Math.sin(u * threads) * Math.sin(v * threads) +
    0.2 * (warp(u * 120, v * 9) + weft(u * 9, v * 120) - 1);
  return { base, layers: [{ colour: hex(0x282428), part }] };
}

function sand(rng: Rng): Surface {
  const [base, colour] = rng.choice<[Rgb, Rgb]>([
    [hex(0xe2cca0), hex(0xb09268)],
    [hex(0xd2bea8), hex(0x968070)],
    [hex(0xe8dcc4), hex(0xb8aa96)],
  ]);
  const [dune, grit] = noises(rng);
  const [across, down] = [rng.uniform(10, 45), rng.uniform(10, 45)];
  const part = (u: number, v: number) => {
    const ripple = 0.5 + 0.5 * Math.sin(u * across + v * down + dune(u * 3, v * 3) * 8);
    return 0.45 * ripple * dune(u * 2 + 9, v * 2) + 0.5 * (grit(u * 150, v * 150) - 0.25);
  };
  return { base, layers: [{ colour, part }] };
}

function wash(rng: Rng): Surface {
  const tones = [0x96bece, 0xceb2ce, 0xf0ceaa, 0xb2cea8, 0xe8b2ac, 0x7e96ba, 0xeae2ce];
  const [base, second, third] = rng.shuffle(tones).map(hex);
  const [broad, fine, drop] = noises(rng);
  return {
    base,
    layers: [
      { colour: second, part: (u, v) => smoothstep(0.3, 0.7, broad(u * 2.4 + fine(u * 6, v * 6) * 0.5, v * 2.4 + 3)) },
      { colour: third, part: (u, v) => 0.7 * drop(u * 2, v * 2) },
      { colour: hex(0x46465a), part: (u, v) => (Math.abs(drop(u * 3.2, v * 3.2 + 7) - 0.5) < 0.022 ? 0.12 : 0) },
    ],
  };
}

function tiles(rng: Rng): Surface {
  const [base, other, grout] = rng
    .choice([
      [0xcedcde, 0xb0c8ce, 0xececde],
      [0xc48264, 0xb27054, 0xdeceba],
      [0x5c7680, 0x4c6270, 0xa0aaaa],
      [0xe2d8be, 0xcec0a0, 0x968874],
    ])
    .map(hex);
  const across = 3 + rng.int(3);
  const shift = rng.next();
  const [glaze] = noises(rng);
  const at = (u: number) => u * across + shift;
  const toEdge = (x: number) => 0.5 - Math.abs(x - Math.floor(x) - 0.5);
  return {
    base,
    layers: [
      { colour: other, part: (u, v) => (Math.floor(at(u)) + Math.floor(at(v))) % 2 },
      { colour: hex(0xffffff), part: (u, v) => 0.25 * glaze(u * 7, v * 7) * (1 - (at(v) % 1)) },
      { colour: grout, part: (u, v) => 1 - smoothstep(0.015, 0.045, Math.min(toEdge(at(u)), toEdge(at(v)))) },
    ],
  };
}

function felt(rng: Rng): Surface {
  const base = hex(rng.choice([0x42685c, 0x5c547c, 0x80464c, 0x466284, 0x8e7c5a]));
  const [cloud, hair, cross] = noises(rng);
  const part = (u: number, v: number) => {
    const fibres = hair(u * 110 + v * 40, v * 34) + cross(u * 34, v * 110 + u * 40) - 1;
    return 0.12 * cloud(u * 5, v * 5) + 0.22 * fibres + 0.05;
  };
  return { base, layers: [{ colour: hex(0xf0f0e6), part }] };
}

function slate(rng: Rng): Surface {
  const [base, colour] = rng.choice<[Rgb, Rgb]>([
    [hex(0x525862), hex(0x888e94)],
    [hex(0x78706a), hex(0xb2aaa0)],
    [hex(0xc8c8c6), hex(0xeeece8)],
  ]);
  const [broad, fine, vein] = noises(rng);
  const part = (u: number, v: number) => {
    const turbulence = 0.6 * broad(u * 4, v * 4) + 0.28 * fine(u * 13, v * 13) + 0.16 * fine(u * 60, v * 60);
    const line = 1 - Math.min(1, Math.abs(vein(u * 3 + 0.6 * broad(u * 6, v * 6), v * 3) - 0.5) * 22);
    return turbulence * 0.9 + 0.4 * line - 0.15;
  };
  return { base, layers: [{ colour, part }] };
}

type Noise = (x: number, y: number) => number;

// Three smooth noises between 0 and 1, with about one bump a unit.
function noises(rng: Rng): [Noise, Noise, Noise] {
  const values = randoms(rng);
  return [noise(values, 0), noise(values, 311), noise(values, 677)];
}

function noise(values: Float32Array, shift: number): Noise {
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const across = ease(x - left);
    const a = values[scatter(left + shift, top)];
    const b = values[scatter(left + 1 + shift, top)];
    const c = values[scatter(left + shift, top + 1)];
    const d = values[scatter(left + 1 + shift, top + 1)];
    const above = a + (b - a) * across;
    return above + (c + (d - c) * across - above) * ease(y - top);
  };
}

// A place in `randoms` for every whole x and y.
function scatter(x: number, y: number): number {
  const h = Math.imul(x, 0x2c1b3c6d) ^ Math.imul(y, 0x297a2d39);
  return Math.imul(h ^ (h >>> 15), 0x45d9f3b) >>> 20;
}

function randoms(rng: Rng): Float32Array {
  return Float32Array.from({ length: 4096 }, rng.next);
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

function smoothstep(from: number, to: number, x: number): number {
  return ease(Math.max(0, Math.min(1, (x - from) / (to - from))));
}

function hex(colour: number): Rgb {
  return [colour >> 16, (colour >> 8) & 255, colour & 255];
}
