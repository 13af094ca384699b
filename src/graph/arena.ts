/** A piece of a region; pieces of one region lie one after the other. */
interface Chunk {
  readonly region: number;
  size: number;
  /** From the start of all regions, in the order they were reserved. */
  readonly address: number;
  used: boolean;
  before?: Chunk;
  after?: Chunk;
}

/** ONNX Runtime's arena with its defaults, without memory behind it. */
export interface Arena {
  alloc(bytes: number): Chunk;
  free(chunk: Chunk): void;
  /** Bytes that were ever handed out, each place counted once: what the operating system has given pages for. */
  touched(): number;
}

const smallest = 256;
const firstRegion = 2 ** 20;
const mostWasted = 2 ** 27;

/**
 * How ONNX Runtime's CPU arena places buffers: regions that double in size, the best-fitting free chunk, split where half
 * of it or more would be left over. Regions are never given back, so what a process takes is what was ever touched.
 */
export function createArena(): Arena {
  const free = new Set<Chunk>();
  const high: number[] = [];
  let next = firstRegion;
  let reserved = 0;

  const extend = (size: number): Chunk => {
    const fits = size <= next;
    while (size > next) next *= 2;
    const chunk: Chunk = { region: high.length, size: next, address: reserved, used: false };
    reserved += next;
    high.push(chunk.address);
    if (fits) next *= 2;
    return chunk;
  };

  const take = (chunk: Chunk, size: number): Chunk => {
    free.delete(chunk);
    if (chunk.size >= 2 * size || chunk.size - size >= mostWasted) {
      const rest: Chunk = {
        region: chunk.region,
        size: chunk.size - size,
        address: chunk.address + size,
        used: false,
        before: chunk,
        after: chunk.after,
      };
      if (chunk.after) chunk.after.before = rest;
      chunk.after = rest;
      chunk.size = size;
      free.add(rest);
    }
    chunk.used = true;
    return chunk;
  };

  const merge = (first: Chunk, second: Chunk): Chunk => {
    free.delete(first);
    free.delete(second);
    first.size += second.size;
    first.after = second.after;
    if (second.after) second.after.before = first;
    return first;
  };

  const starts: number[] = [];
  return {
    alloc(bytes) {
      const size = Math.max(Math.ceil(bytes / smallest), 1) * smallest;
      let best: Chunk | undefined;
      for (const chunk of free) {
        if (chunk.size < size) continue;
        if (!best || chunk.size < best.size || (chunk.size === best.size && chunk.address < best.address)) best = chunk;
      }
      if (!best) {
        best = extend(size);
        starts[best.region] = best.address;
      }
      const found = take(best, size);
      high[found.region] = Math.max(high[found.region], found.address + bytes);
      return found;
    },
    free(chunk) {
      let whole = chunk;
      whole.used = false;
      if (whole.after && !whole.after.used) whole = merge(whole, whole.after);
      if (whole.before && !whole.before.used) whole = merge(whole.before, whole);
      free.add(whole);
    },
    touched: () => high.reduce((sum, end, region) => sum + end - starts[region], 0),
  };
}
