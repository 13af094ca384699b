import type { KindRunner } from "../cases.js";
import { kinds as anchors } from "./anchors.js";
import { kinds as boxes } from "./boxes.js";
import { kinds as data } from "./data.js";
import { kinds as images } from "./images.js";
import { kinds as labels } from "./labels.js";
import { kinds as loss } from "./loss.js";
import { kinds as models } from "./model.js";
import { kinds as modules } from "./module.js";
import { kinds as post } from "./post.js";
import { kinds as pretrained } from "./pretrained.js";
import { kinds as swinv2 } from "./swinv2.js";
import { kinds as train } from "./train.js";
import { kinds as weights } from "./weights.js";
import { kinds as yaml } from "./yaml.js";

/** Every kind that we rebuild; a kind that is missing here is counted as "not yet". */
export const kinds: Readonly<Record<string, KindRunner>> = {
  ...data,
  ...boxes,
  ...anchors,
  ...images,
  ...labels,
  ...loss,
  ...models,
  ...modules,
  ...post,
  ...pretrained,
  ...swinv2,
  ...train,
  ...weights,
  ...yaml,
};
