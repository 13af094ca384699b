import { readFileSync } from "node:fs";
import { parseLabels, UserError } from "swinyolo/data";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

export const kinds: Record<string, KindRunner> = { hostile_labels: readLabelFile };

function readLabelFile({ file = "", args }: GoldenCase): Results {
  const { labels, problems } = parseLabels(readFileSync(file, "utf8"), { nc: Number(args.nc), file });
  if (!labels) throw new UserError(`${problems[0].file}:${problems[0].line}: ${problems[0].what}`);
  const rows = Array.from(labels.classes, (cls, i) => [cls, ...labels.boxes.subarray(4 * i, 4 * i + 4)]);
  return { accepted: true, rows };
}
