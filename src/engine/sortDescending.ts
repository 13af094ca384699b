const digitBits = 11;
const digits = 1 << digitBits;

/**
 * The indices of float32 scores, largest first, equal ones in their order. A radix sort: two million scores take what a
 * comparison needs for a few ten thousand.
 */
export function sortDescending(scores: Float32Array): Uint32Array {
  const keys = fallingKeys(scores);
  let order = new Uint32Array(keys.length).map((_, i) => i);
  let spare = new Uint32Array(order.length);
  for (let shift = 0; shift < 32; shift += digitBits) {
    const starts = new Uint32Array(digits + 1);
    for (let i = 0; i < keys.length; i++) starts[((keys[i] >>> shift) & (digits - 1)) + 1]++;
    for (let d = 1; d <= digits; d++) starts[d] += starts[d - 1];
    for (let k = 0; k < order.length; k++) spare[starts[(keys[order[k]] >>> shift) & (digits - 1)]++] = order[k];
    [order, spare] = [spare, order];
  }
  return order;
}

// Bits of a float order like the float where it is positive, and the other way round where it is negative.
function fallingKeys(scores: Float32Array): Uint32Array {
  const bits = new Uint32Array(scores.slice().buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = bits[i] >>> 31 ? bits[i] : ~bits[i] & 0x7fffffff;
  return bits;
}
