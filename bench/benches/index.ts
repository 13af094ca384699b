import type { Bench } from "../bench.js";
import { inference } from "./inference.js";
import { loader } from "./loader.js";
import { train } from "./train.js";

/** The benches by name; each says what is missing instead of guessing. */
export const benches: Readonly<Record<string, Bench>> = {
  train,
  inference,
  loader,
};
