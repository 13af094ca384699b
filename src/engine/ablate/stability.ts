import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SwinConfig } from "../../nn/index.js";
import { loadPlots } from "../report/load.js";
import { runFiles } from "../run/folder.js";
import { parseResults } from "../run/results.js";
import type { AblateSettings, Ablation } from "./index.js";
import { tableText } from "./table.js";

/** How the amplitudes of blocks grow with depth and training, by place of the norms and kind of attention. */
export function stabilityAblation(_settings: AblateSettings, _base: SwinConfig): Ablation {
  const curves: { variant: string; seed: number; epoch: number; values: number[] }[] = [];
  return {
    training: { amplitude: true },
    async measure({ variant, seed, folder }) {
      const rows = parseResults(readFileSync(join(folder, "amplitude.csv"), "utf8"));
      for (const { epoch, ...blocks } of rows) curves.push({ variant, seed, epoch, values: Object.values(blocks) });
      const results = parseResults(readFileSync(runFiles(folder).results, "utf8")).at(-1)!;
      const values = curves.at(-1)!.values;
      const [least, most] = [Math.min(...values), Math.max(...values)];
      const found = { top1: results["metrics/accuracy_top1"], loss: results["train/loss"] };
      return [{ ...found, least, most, ratio: most / least, last: values.at(-1)! }];
    },
    async finish(folder, rows) {
      const plot = join(folder, "stability.png");
      const { amplitudePlot, writePlot } = await loadPlots();
      const shown = curves.filter(({ seed }) => seed === curves[0].seed);
      const titles = [...new Set(shown.map(({ variant }) => variant))];
      const panels = titles.map((title) => ({ title, curves: shown.filter(({ variant }) => variant === title) }));
      await writePlot(plot, amplitudePlot(panels));
      const cells = rows.map(({ variant, seed, results: { top1, loss, least, most, ratio, last } }) => [
        variant,
        String(seed),
        ...[least, most, ratio, last].map((value) => value.toPrecision(3)),
        (100 * top1).toFixed(1),
        loss.toFixed(3),
      ]);
      const headings = ["norm, attention", "seed", "least amplitude", "largest", "ratio", "last block", "top-1 %"];
      return { table: tableText([...headings, "training loss"], cells), plot };
    },
  };
}
