import { anchorMetric, fitAnchors, lloyd, rng } from "swinyolo/data";
import type { GoldenCase, KindRunner } from "../cases.js";

/** Anchors against object sizes. */
export const kinds: Record<string, KindRunner> = {
  anchor_metric: (c) => {
    const metric = anchorMetric(sizes(c, "wh"), sizes(c, "anchors"), { thr: Number(c.args.thr) });
    return {
      best_possible_recall: metric.bestPossibleRecall,
      anchors_above_threshold: metric.anchorsAboveThreshold,
      mean_best: metric.meanBest,
      fitness: metric.fitness,
    };
  },
  anchor_lloyd: (c) => {
    const { anchors, meanDistortion } = lloyd(sizes(c, "wh"), sizes(c, "start"), { thresh: Number(c.args.thresh) });
    return {
      anchors: { dtype: "float64", shape: [anchors.length / 2, 2], data: anchors },
      mean_distortion_whitened: meanDistortion,
    };
  },
  anchor_fit: (c) => {
    const { n, img_size, thr, gen } = c.args as Record<string, number>;
    const wh = Float32Array.from(sizes(c, "wh"));
    const anchors = fitAnchors(wh, n, { imgsz: img_size, thr, generations: gen, rng: rng(0) });
    return { fitness: anchorMetric(wh, anchors, { thr }).fitness };
  },
};

const sizes = (c: GoldenCase, name: string): Float64Array => Float64Array.from(c.array(name).data as Float64Array);
