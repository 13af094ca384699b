import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkGrid, resizedSwin, type SwinConfig } from "../../nn/index.js";
import { validateClassifier } from "../classify/val.js";
import { parseClassifyOptions } from "../config/index.js";
import { loadPlots } from "../report/load.js";
import { runFiles } from "../run/folder.js";
import { writeAtomic } from "../weights/files.js";
import type { AblateSettings, Ablation, AblationMeasured } from "./index.js";
import { meanAndSpread, tableText } from "./table.js";

/** Accuracy at larger windows and pictures without training, by the way that the position bias is carried over. */
export function biasAblation(settings: AblateSettings, base: SwinConfig): Ablation {
  const trained = Math.max(...base.window);
  const windows = settings.windows ?? [trained, trained * 1.5, trained * 2];
  const sizes = windows.map((window) => ({ window, imgsz: (base.imageSize[0] * window) / trained }));
  // Mistakes show before anything is trained.
  for (const { window, imgsz } of sizes) checkGrid(resizedSwin(base, { window, imageSize: imgsz }));
  return {
    training: {},
    async measure({ folder }) {
      const file = join(folder, "sizes.json");
      const weights = runFiles(folder).last;
      const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Measured[]) : [];
      const rows: Measured[] = [];
      for (const { window, imgsz } of sizes) {
        const found = known.find((one) => one.window === window && one.imgsz === imgsz);
        rows.push(found ?? { window, imgsz, ...(await accuracyOf(weights, { window, imgsz }, settings)) });
      }
      await writeAtomic([[file, JSON.stringify(rows)]]);
      return rows;
    },
    async finish(folder, rows) {
      const plot = join(folder, "bias.png");
      const { transferPlot, writePlot } = await loadPlots();
      const points = rows.map(({ variant, results }) => ({ variant, x: results.window, y: results.top1 }));
      await writePlot(plot, transferPlot(points, { trained }));
      return { table: biasTable(rows), plot };
    },
  };
}

interface Measured extends Readonly<Record<string, number>> {
  readonly window: number;
  readonly imgsz: number;
  readonly top1: number;
  readonly loss: number;
}

async function accuracyOf(
  weights: string,
  { window, imgsz }: { window: number; imgsz: number },
  { data, threads, device, workers }: AblateSettings,
): Promise<{ top1: number; loss: number }> {
  const given = { weights, data, window, imgsz, device, threads, workers, noplots: true, batch: 16 };
  const { top1, loss } = await validateClassifier(parseClassifyOptions("val", given));
  return { top1, loss };
}

/** Rows: variants; columns: sizes, with top-1 over the seeds and the loss. */
function biasTable(rows: readonly AblationMeasured[]): string {
  const sizes = [...new Set(rows.map(({ results }) => `w${results.window}, ${results.imgsz} px`))];
  const variants = [...new Set(rows.map(({ variant }) => variant))];
  const cell = (variant: string, size: string) => {
    const own = rows.filter(
      (row) => row.variant === variant && `w${row.results.window}, ${row.results.imgsz} px` === size,
    );
    const loss = meanAndSpread(own.map(({ results }) => results.loss));
    return `${meanAndSpread(own.map(({ results }) => 100 * results.top1)).text(1)} (${loss.mean.toFixed(3)})`;
  };
  return tableText(
    ["bias: top-1 % (loss)", ...sizes],
    variants.map((variant) => [variant, ...sizes.map((size) => cell(variant, size))]),
  );
}
