import { dropout, reduceMean, type Tensor } from "../../graph/index.js";
import { convBlock, type Setting } from "../blocks/conv.js";
import { linear } from "../layers/basic.js";
import { type Module, module } from "../module.js";

const hidden = 1280;

/** YOLOv5's head of a classifier: a map [b, c1, h, w] through 1280 channels, averaged, to logits [b, classes]. */
export function classifyHead(
  c1: number,
  classes: number,
  setting: Setting,
  { k = 1, s = 1, drop = 0 }: { k?: number; s?: number; drop?: number } = {},
): Module {
  const conv = convBlock(c1, hidden, setting, { k, s });
  const head = linear(hidden, classes);
  return module({ conv, linear: head }, (x: Tensor) => head(dropout(reduceMean(conv(x), { axes: [2, 3] }), drop)));
}
