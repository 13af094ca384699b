import { decodePicture } from "swinyolo/data";
import type { GoldenCase, KindRunner, Results } from "../cases.js";

export const kinds: Record<string, KindRunner> = { hostile_image: decode };

async function decode({ file = "" }: GoldenCase): Promise<Results> {
  const { width, height, data } = await decodePicture(file);
  const sums = [0, 0, 0];
  for (const [i, value] of data.entries()) sums[i % 3] += value;
  return {
    accepted: true,
    decoded_shape_hwc: [height, width, 3],
    mean_rgb: sums.map((sum) => sum / (width * height)),
    pixel_0_0_rgb: [...data.subarray(0, 3)],
    pixel_last_rgb: [...data.subarray(-3)],
  };
}
