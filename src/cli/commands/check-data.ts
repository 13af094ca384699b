import { checkData as run } from "../../engine/index.js";
import { bar } from "../output.js";
import type { Call } from "./index.js";

/** `swinyolo check-data`: every problem with its file and line; exit code 1 where there are some. */
export async function checkData({ given, output }: Call): Promise<void> {
  const onProgress = (done: number, total: number) =>
    output.progress(`Reading pictures and labels  ${bar(done / total)} ${done}/${total}`);
  const { images, objects, problems, warnings } = await run(given, { onProgress });
  output.object({ images, objects, problems });
  for (const problem of problems) output.line(place(problem));
  for (const warning of warnings) output.note(`${place(warning)} (mended while reading)`);
  output.line(`${images} pictures, ${objects} objects, ${problems.length} problem${problems.length === 1 ? "" : "s"}`);
  if (problems.length > 0) process.exitCode = 1;
}

const place = ({ file, line, what }: { file: string; line: number; what: string }): string =>
  `${file}${line > 0 ? `:${line}` : ""}: ${what}`;
