import { existsSync } from "node:fs";
import { join } from "node:path";
import { createLoader, readDataset, scanSplit } from "swinyolo/data";
import type { Bench } from "../bench.js";
import { root } from "../paths.js";
import { table } from "../report.js";

/** Training batches with nobody using them. */
export const loader: Bench = async ({ data = bloodCells(), workers = [0, 1, 2] }) => {
  if (!data) return noData;
  const setting = { imgsz: 320, batch: 16, epochs: 1 };
  const speeds = await loaderSpeeds({ data, workers, ...setting });
  const about = `Training batches of ${setting.batch} at ${setting.imgsz} px (mosaic, perspective, colour, flips), ${speeds[0].pictures} pictures, nobody using them.`;
  return { data: { ...setting, speeds }, markdown: [about, loaderTable(speeds)].join("\n\n") };
};

/** Said where there are no pictures. */
export const noData = { data: { missing: "data" }, markdown: "No data set: give one with data=FILE." };

/** Pictures a second by worker count and cache. */
const loaderTable = (speeds: readonly LoaderSpeed[]): string =>
  table(
    ["workers", "cache", "pictures/s"],
    speeds.map(({ workers, cache, picturesPerSecond }) => [String(workers), cache, picturesPerSecond.toFixed(0)]),
  );

/** How fast batches come, with nobody using them. */
interface LoaderSpeed {
  readonly workers: number;
  readonly cache: "none" | "ram";
  readonly pictures: number;
  readonly picturesPerSecond: number;
}

interface LoaderBenchOptions {
  /** A data set's YAML. */
  readonly data: string;
  readonly imgsz: number;
  readonly batch: number;
  readonly workers: readonly number[];
  readonly epochs: number;
}

/** The blood cells that lie beside the repository, where they do. */
export const bloodCells = (): string | undefined => {
  const file = join(root, "..", "shared", "data", "bccd", "bccd.yaml");
  return existsSync(file) ? file : undefined;
};

/** Whole epochs of training batches (mosaic, perspective, colour, flips as hyp.scratch-low) by worker count. */
async function loaderSpeeds(options: LoaderBenchOptions): Promise<LoaderSpeed[]> {
  const { splits, nc } = readDataset(options.data);
  const { entries } = await scanSplit(splits.train, { nc });
  const speeds: LoaderSpeed[] = [];
  for (const cache of ["none", "ram"] as const) {
    for (const workers of options.workers) speeds.push(await speedOf(entries, { ...options, workers, cache }));
  }
  return speeds;
}

const hyp = { mosaic: 1, translate: 0.1, scale: 0.5, hsv_h: 0.015, hsv_s: 0.7, hsv_v: 0.4, fliplr: 0.5 };

async function speedOf(
  entries: Parameters<typeof createLoader>[0],
  {
    imgsz,
    batch,
    workers,
    cache,
    epochs,
  }: Omit<LoaderBenchOptions, "workers"> & Pick<LoaderSpeed, "workers" | "cache">,
): Promise<LoaderSpeed> {
  const loader = createLoader(entries, { imgsz, batch, hyp, workers, cache: cache === "ram" && "ram" });
  try {
    // The first epoch starts the workers and fills the cache.
    await drain(loader.epoch(0));
    const start = performance.now();
    let pictures = 0;
    for (let epoch = 1; epoch <= epochs; epoch++) pictures += await drain(loader.epoch(epoch));
    return { workers, cache, pictures, picturesPerSecond: (pictures / (performance.now() - start)) * 1000 };
  } finally {
    await loader.close();
  }
}

async function drain(batches: AsyncIterable<{ readonly shape: readonly number[] }>): Promise<number> {
  let pictures = 0;
  for await (const { shape } of batches) pictures += shape[0];
  return pictures;
}
