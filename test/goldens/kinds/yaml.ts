import { readDataset, readYaml } from "swinyolo/data";
import { readModelFile } from "swinyolo/engine";
import { buildModel } from "swinyolo/nn";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

/** Hostile YAML files: a model where there are rows, else a data set. */
export const kinds: Record<string, KindRunner> = { hostile_yaml: runYaml };

function runYaml(c: GoldenCase): Results {
  const file = c.file as string;
  const { value } = readYaml(file);
  if (typeof value === "object" && value !== null && "backbone" in value) {
    const { yaml, place } = readModelFile(file);
    return { accepted: true, layers: buildModel(yaml, { place }).layers.length };
  }
  return { accepted: true, classes: readDataset(file, { need: "named" }).nc };
}
