import {
  applyPerspective,
  decodePicture,
  flatten,
  hsvGains,
  hsvToRgb,
  type Labels,
  labelsToPixels,
  letterbox,
  mixup,
  mosaic,
  type PerspectiveDraws,
  type Picture,
  perspectiveMatrix,
  resize,
  rgbToHsv,
  rng,
  type Sample,
  scaleHsv,
} from "swinyolo/data";
import type { HostArray } from "swinyolo/graph";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

/** Pictures and augmentations. Stored pictures are BGR; where the order of channels matters they are turned to RGB. */
export const kinds: Record<string, KindRunner> = {
  letterbox: (c) => {
    const { picture: boxed, ratio, pad } = boxedIn(c, picture(c.array("image")));
    return { image: stored(boxed), ratio_wh: [...ratio], pad_wh: [...pad] };
  },
  letterbox_photograph: letterboxPhotograph,
  resize: (c) => {
    const [width, height] = c.args.size_wh as [number, number];
    const interpolation = c.args.interpolation === "area" ? "area" : "bilinear";
    return { image: stored(resize(picture(c.array("image")), width, height, { interpolation })) };
  },
  random_perspective: randomPerspective,
  mosaic: mosaicOfFour,
  bgr_to_hsv: (c) => {
    const image = swapped(picture(c.array("image")));
    return { hsv: stored({ ...image, data: rgbToHsv(image) }) };
  },
  hsv_gain_to_bgr: (c) => {
    const gains = c.args.multipliers as [number, number, number];
    return { image: stored(swapped(hsvToRgb(picture(c.array("hsv")), { gains }))) };
  },
  hsv: (c) => {
    const { hgain, sgain, vgain } = c.args as Record<string, number>;
    const gains = hsvGains({ hsv_h: hgain, hsv_s: sgain, hsv_v: vgain }, c.options.draws as number[]);
    return { image: stored(swapped(scaleHsv(swapped(picture(c.array("image"))), gains))) };
  },
  mixup: (c) => {
    const samples = [1, 2].map((i) => ({
      picture: picture(c.array(`image${i}`)),
      labels: labels(c.array(`labels${i}`)),
    }));
    const mixed = mixup(samples, { rng: rng(0), ratio: Number(c.args.r) });
    return { image: stored(mixed.picture), labels: labelRows(mixed.labels) };
  },
};

async function letterboxPhotograph(c: GoldenCase): Promise<Results> {
  const source = swapped(await decodePicture(c.asset("image")));
  const { picture: boxed, ratio, pad } = boxedIn(c, source);
  const { row, columns } = c.options.pixels as { row: number; columns: [number, number] };
  return {
    source_shape_hwc: [source.height, source.width, 3],
    source_mean_bgr: means(source),
    shape_hwc: [boxed.height, boxed.width, 3],
    ratio_wh: [...ratio],
    pad_wh: [...pad],
    mean_bgr: means(boxed),
    pixels_bgr: Array.from({ length: columns[1] - columns[0] }, (_, i) => {
      const at = (row * boxed.width + columns[0] + i) * 3;
      return [...boxed.data.subarray(at, at + 3)];
    }),
  };
}

function boxedIn({ args }: GoldenCase, image: Picture): ReturnType<typeof letterbox> {
  const shape = args.new_shape as number | [number, number];
  const [height, width] = typeof shape === "number" ? [shape, shape] : shape;
  return letterbox(
    image,
    { width, height },
    {
      color: args.color as [number, number, number],
      auto: args.auto as boolean,
      scaleFill: args.scaleFill as boolean,
      scaleUp: args.scaleup as boolean,
      stride: Number(args.stride),
    },
  );
}

function randomPerspective(c: GoldenCase): Results {
  const sample = { picture: picture(c.array("image")), labels: labels(c.array("labels")) };
  const [y, x] = c.args.border as [number, number];
  const drawn = c.options.draws as Record<string, number>;
  const draws: PerspectiveDraws = {
    perspectiveX: drawn.perspective_x,
    perspectiveY: drawn.perspective_y,
    angle: drawn.angle_degrees,
    scale: drawn.scale,
    shearX: drawn.shear_x_degrees,
    shearY: drawn.shear_y_degrees,
    translateX: drawn.translate_x,
    translateY: drawn.translate_y,
  };
  const moved = applyPerspective(sample, draws, { border: { x, y } });
  const matrix = perspectiveMatrix(sample.picture, moved.picture, draws);
  return {
    M: { dtype: "float64", shape: [3, 3], data: Float64Array.from(matrix) },
    image: stored(moved.picture),
    labels: labelRows(moved.labels),
    kept: moved.labels.classes.length,
  };
}

function mosaicOfFour(c: GoldenCase): Results {
  const tiles: Sample[] = [0, 1, 2, 3].map((i) => {
    const tile = picture(c.array(`tile${i}`));
    return { picture: tile, labels: labelsToPixels(labels(c.array(`labels${i}`)), tile) };
  });
  const [y, x] = c.args.centre_yx as [number, number];
  const canvas = mosaic(tiles, { imgsz: Number(c.args.image_size), rng: rng(0), centre: { x, y } });
  const [borderY, borderX] = c.args.border as [number, number];
  const moved = applyPerspective(canvas, still, { border: { x: borderX, y: borderY } });
  return {
    canvas: stored(flatten(canvas.picture)),
    canvas_labels: labelRows(canvas.labels),
    image: stored(moved.picture),
    labels: labelRows(moved.labels),
  };
}

const still: PerspectiveDraws = {
  perspectiveX: 0,
  perspectiveY: 0,
  angle: 0,
  scale: 1,
  shearX: 0,
  shearY: 0,
  translateX: 0.5,
  translateY: 0.5,
};

function picture({ shape: [height, width], data }: HostArray): Picture {
  return { width, height, data: Uint8Array.from(data as Uint8Array) };
}

const stored = ({ width, height, data }: Picture): HostArray => ({ dtype: "uint8", shape: [height, width, 3], data });

// RGB from BGR and back.
function swapped({ width, height, data }: Picture): Picture {
  return { width, height, data: data.map((_, i) => data[i + 2 - 2 * (i % 3)]) };
}

function means({ data }: Picture): number[] {
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) sums[i % 3] += data[i];
  return sums.map((sum) => sum / (data.length / 3));
}

// Rows of class and four numbers.
function labels({ shape: [n], data }: HostArray): Labels {
  return {
    classes: Int32Array.from({ length: n }, (_, i) => Number(data[5 * i])),
    boxes: Float32Array.from({ length: 4 * n }, (_, i) => Number(data[5 * Math.floor(i / 4) + 1 + (i % 4)])),
  };
}

function labelRows({ classes, boxes }: Labels): HostArray {
  const data = Float32Array.from({ length: classes.length * 5 }, (_, i) =>
    i % 5 === 0 ? classes[i / 5] : boxes[4 * Math.floor(i / 5) + (i % 5) - 1],
  );
  return { dtype: "float32", shape: [classes.length, 5], data };
}
