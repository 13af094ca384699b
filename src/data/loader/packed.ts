import type { Entry } from "../datasets/scan.js";
import type { Labels } from "../sample.js";

/** The entries of a loader in memory that all its workers see, so that none has a copy of its own. */
export interface PackedEntries {
  readonly paths: readonly string[];
  /** Width and height [n, 2]. */
  readonly sizes: Int32Array;
  /** The first object of each picture, and the end of the last one [n + 1]. */
  readonly objects: Int32Array;
  readonly classes: Int32Array;
  /** [objects, 4] */
  readonly boxes: Float32Array;
  /** 1 for a picture with slots for segments [n]. */
  readonly segmented: Uint8Array;
  /** The first number of each object's segment, and the end of the last one [objects + 1]; none in between is no segment. */
  readonly segments: Int32Array;
  readonly points: Float32Array;
}

/** Entries laid out in shared memory. */
export function packEntries(entries: readonly Entry[]): PackedEntries {
  const labels = entries.map((entry) => entry.labels);
  const counts = labels.map(({ classes }) => classes.length);
  const segments = labels.flatMap((one) => segmentsOf(one));
  const objects = ends(counts);
  const packed = {
    paths: entries.map(({ path }) => path),
    sizes: sharedInts(entries.length * 2),
    objects,
    classes: sharedInts(objects[entries.length]),
    boxes: sharedFloats(objects[entries.length] * 4),
    segmented: new Uint8Array(new SharedArrayBuffer(entries.length)),
    segments: ends(segments.map((segment) => segment?.length ?? 0)),
    points: sharedFloats(segments.reduce((sum, segment) => sum + (segment?.length ?? 0), 0)),
  };
  for (const [i, { width, height, labels }] of entries.entries()) {
    packed.sizes.set([width, height], 2 * i);
    packed.classes.set(labels.classes, objects[i]);
    packed.boxes.set(labels.boxes, 4 * objects[i]);
    packed.segmented[i] = labels.segments ? 1 : 0;
  }
  for (const [k, segment] of segments.entries()) if (segment) packed.points.set(segment, packed.segments[k]);
  return packed;
}

/** One entry again; its labels are views of the shared memory, to be read only. */
export function entryAt(packed: PackedEntries, index: number): Entry {
  const [from, to] = [packed.objects[index], packed.objects[index + 1]];
  return {
    path: packed.paths[index],
    width: packed.sizes[2 * index],
    height: packed.sizes[2 * index + 1],
    labels: {
      classes: packed.classes.subarray(from, to),
      boxes: packed.boxes.subarray(4 * from, 4 * to),
      segments: packed.segmented[index] ? segmentSlots(packed, from, to) : undefined,
    },
  };
}

function segmentSlots({ segments, points }: PackedEntries, from: number, to: number): Labels["segments"] {
  return Array.from({ length: to - from }, (_, i) => {
    const [start, end] = [segments[from + i], segments[from + i + 1]];
    return start === end ? undefined : points.subarray(start, end);
  });
}

const segmentsOf = ({ classes, segments }: Labels): readonly (Float32Array | undefined)[] =>
  segments ?? new Array<undefined>(classes.length).fill(undefined);

function ends(lengths: readonly number[]): Int32Array {
  const starts = sharedInts(lengths.length + 1);
  for (const [i, length] of lengths.entries()) starts[i + 1] = starts[i] + length;
  return starts;
}

const sharedInts = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
const sharedFloats = (length: number) => new Float32Array(new SharedArrayBuffer(length * 4));
