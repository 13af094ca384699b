export type { Batch, Labels, Picture, Source } from "./sample.js";
