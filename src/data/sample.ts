/** A decoded picture: RGB, 8 bits a channel, rows of interleaved pixels [height, width, 3]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * The objects of one picture. `boxes` holds 4 numbers an object; which four (normalised cx, cy, w, h as in label
 * files, or x1, y1, x2, y2 in pixels) the function that takes them says. `segments`, where present, has a slot for
 * each object: its polygon x, y, x, y, ... or undefined when it has only a box.
 */
export interface Labels {
  readonly classes: Int32Array;
  readonly boxes: Float32Array;
  readonly segments?: readonly (Float32Array | undefined)[];
}

/** What a network is fed, and what is needed to carry its boxes back to the pictures' own pixels. */
export interface Batch {
  /** RGB planes [b, 3, height, width]. */
  readonly images: Uint8Array;
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  /** Rows of image, class, cx, cy, w, h (normalised to the network input): [n, 6]. */
  readonly targets: Float32Array;
  readonly sources: readonly Source[];
}

/** One picture of a batch: its path, its size on disk (upright), and the letterbox that brought it into the batch. */
export interface Source {
  readonly path: string;
  readonly index: number;
  readonly width: number;
  readonly height: number;
  /** Scale from the picture to the network input, x and y. */
  readonly ratio: readonly [number, number];
  /** Padding left and top, in pixels of the network input. */
  readonly pad: readonly [number, number];
}
