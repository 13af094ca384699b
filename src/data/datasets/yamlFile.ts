import { readTextFile } from "./files.js";
import { parseYaml, type YamlDocument } from "./yamlText.js";

/** Reads a YAML file, up to `maxBytes` long, as `parseYaml` does its text. */
export function readYaml(file: string, { maxBytes = 2 ** 20 }: { maxBytes?: number } = {}): YamlDocument {
  return parseYaml(readTextFile(file, { maxBytes }), file);
}
