import { choice, flag, provider, text, whole } from "./option.js";

// Options that commands for detectors and for classifiers share.

export const device = provider("where to run", { default: "cpu" });
export const threads = whole("threads inside an operator; the number of cores where left out", {
  default: undefined,
  least: 1,
});
export const json = flag("one JSON object a line on standard output", { default: false });
export const plugin = text("a .js or .ts file that defines blocks of your own", { default: undefined });
export const name = text("name of the run's folder", { default: "exp" });
export const existOk = flag("use the folder even if it is there", { default: false });
export const workers = whole("threads that load pictures; results do not depend on it", { default: undefined });
export const decode = choice(
  "full, or reduced: JPEGs of at least 3 times imgsz are decoded at reduced scale, which is faster and differs by some levels",
  ["full", "reduced"],
  { default: "full" },
);
