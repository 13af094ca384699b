import type { Simmim } from "../../nn/index.js";
import { type ClassifierMemory, type ClassifierMemoryCase, estimatePictures } from "../training/classifierMemory.js";
import { pretrainStepGraph, reconstructGraph } from "./step.js";

export interface SimmimMemoryCase extends Omit<ClassifierMemoryCase, "classifier"> {
  readonly model: Simmim;
}

/** What pretraining on this machine's CPU takes, planned from the graph that would run. */
export function estimateSimmim(wanted: SimmimMemoryCase): ClassifierMemory {
  const { model, batch, optimizer, workers, ...saving } = wanted;
  const images = [batch, model.encoder.channels, ...model.encoder.imageSize];
  return estimatePictures(model.module, {
    step: pretrainStepGraph(model, { images, ...saving }),
    validation: reconstructGraph(model, images),
    optimizer,
    workers,
  });
}
