import type { Bench } from "../bench.js";
import { epoch } from "./epoch.js";
import { growth } from "./growth.js";
import { inference } from "./inference.js";
import { loader } from "./loader.js";
import { memory } from "./memory.js";
import { overhead } from "./overhead.js";
import { recompute } from "./recompute.js";
import { startup } from "./startup.js";
import { train } from "./train.js";

/** The benches by name; each says what is missing instead of guessing. */
export const benches: Readonly<Record<string, Bench>> = {
  train,
  inference,
  loader,
  epoch,
  startup,
  memory,
  growth,
  overhead,
  recompute,
};
