/** The cells of one level that learn a target, in the reference's order. */
export interface Assignment {
  /** Rows of picture, anchor, grid row, grid column. */
  readonly index: Int32Array;
  readonly classes: Int32Array;
  /** Rows of x, y (relative to the cell), w, h, in cells. */
  readonly boxes: Float32Array;
  /** Rows of anchor w, h, in cells. */
  readonly anchors: Float32Array;
}

export interface LevelShape {
  readonly width: number;
  readonly height: number;
  /** w, h of every anchor, in cells. */
  readonly anchors: readonly (readonly [number, number])[];
}

/** A centre this near to a cell's edge also counts for the neighbour. */
const bias = 0.5;

/**
 * Which cells and anchors of a level learn which targets (YOLOv5): every anchor whose sides are within a factor `anchorT`
 * of the target's, in the centre's cell and up to two neighbours. Targets: rows of picture, class, cx, cy, w, h, normalised.
 */
export function assignLevel(
  targets: Float32Array,
  { width, height, anchors }: LevelShape,
  anchorT: number,
): Assignment {
  const near: { target: number; anchor: number }[] = [];
  anchors.forEach(([aw, ah], anchor) => {
    for (let target = 0; target < targets.length / 6; target++) {
      const [rw, rh] = [(targets[target * 6 + 4] * width) / aw, (targets[target * 6 + 5] * height) / ah];
      if (Math.max(rw, 1 / rw, rh, 1 / rh) < anchorT) near.push({ target, anchor });
    }
  });
  const index: number[] = [];
  const classes: number[] = [];
  const boxes: number[] = [];
  const wh: number[] = [];
  for (const { applies, dx, dy } of neighbours) {
    for (const { target, anchor } of near) {
      const row = targets.subarray(target * 6, target * 6 + 6);
      const [x, y] = [Math.fround(row[2] * width), Math.fround(row[3] * height)];
      if (!applies(x, y, width - x, height - y)) continue;
      const column = clampCell(Math.trunc(x - dx), width);
      const line = clampCell(Math.trunc(y - dy), height);
      index.push(row[0], anchor, line, column);
      classes.push(row[1]);
      boxes.push(x - column, y - line, row[4] * width, row[5] * height);
      wh.push(...anchors[anchor]);
    }
  }
  return {
    index: Int32Array.from(index),
    classes: Int32Array.from(classes),
    boxes: Float32Array.from(boxes),
    anchors: Float32Array.from(wh),
  };
}

const clampCell = (cell: number, size: number): number => Math.min(Math.max(cell, 0), size - 1);

type Applies = (x: number, y: number, fromRight: number, fromBottom: number) => boolean;

const close = (distance: number): boolean => distance % 1 < bias && distance > 1;

// The cell itself, then left, up, right, down; the offset is subtracted from the centre.
const neighbours: readonly { applies: Applies; dx: number; dy: number }[] = [
  { applies: () => true, dx: 0, dy: 0 },
  { applies: (x) => close(x), dx: bias, dy: 0 },
  { applies: (_, y) => close(y), dx: 0, dy: bias },
  { applies: (_x, _y, right) => close(right), dx: -bias, dy: 0 },
  { applies: (_x, _y, _r, bottom) => close(bottom), dx: 0, dy: -bias },
];

/** How many rows the tensors of an assignment get: a power of two, so that few sizes are ever compiled. */
export const capacityFor = (rows: number, least = 64): number =>
  Math.max(least, 2 ** Math.ceil(Math.log2(Math.max(rows, 1))));

/** An assignment as the loss takes it: `capacity` rows, those beyond the matches without weight. */
export interface PaddedAssignment {
  /** Row of the level's predictions seen as [cells, no]. */
  readonly cell: Int32Array;
  /** Where the row writes its objectness target: its cell, or one past the last where a later row writes that. */
  readonly objectCell: Int32Array;
  readonly boxes: Float32Array;
  readonly anchors: Float32Array;
  readonly classes: Int32Array;
  /** 1 / matches, 0 for padding. */
  readonly weight: Float32Array;
}

/** Pads an assignment. A cell assigned more than once takes its objectness target from the last row. */
export function padAssignment(
  a: Assignment,
  { width, height, anchors }: LevelShape,
  options: { batch: number; capacity: number },
): PaddedAssignment {
  const { batch, capacity } = options;
  const n = a.classes.length;
  const cells = batch * anchors.length * height * width;
  const cell = new Int32Array(capacity);
  const objectCell = new Int32Array(capacity).fill(cells);
  const taken = new Set<number>();
  for (let i = n - 1; i >= 0; i--) {
    const [picture, anchor, line, column] = a.index.subarray(i * 4, i * 4 + 4);
    const at = ((picture * anchors.length + anchor) * height + line) * width + column;
    cell[i] = at;
    if (!taken.has(at)) objectCell[i] = at;
    taken.add(at);
  }
  const padded = (from: Float32Array, width: number, fill: number) => {
    const to = new Float32Array(capacity * width).fill(fill);
    to.set(from);
    return to;
  };
  return {
    cell,
    objectCell,
    boxes: padded(a.boxes, 4, 1),
    anchors: padded(a.anchors, 2, 1),
    classes: Int32Array.from({ length: capacity }, (_, i) => (i < n ? a.classes[i] : 0)),
    weight: Float32Array.from({ length: capacity }, (_, i) => (i < n ? 1 / n : 0)),
  };
}
