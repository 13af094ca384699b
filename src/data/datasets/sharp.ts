import type SharpModule from "sharp";

let loading: Promise<typeof SharpModule> | undefined;

/** The picture library, loaded at its first use and told to keep nothing and to use one thread a picture. */
export function loadSharp(): Promise<typeof SharpModule> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  return loading;
}
