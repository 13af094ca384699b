/** What an element of a tensor is. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

/** The arrays that hold the numbers of a tensor; float16 and bfloat16 are kept as their bits in a Uint16Array. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** A tensor with its numbers on the host: row-major, as many as the shape says. */
export interface HostArray {
  dtype: DType;
  shape: number[];
  data: TypedArray;
}

/** Bytes an element takes, by type. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** How many elements a shape holds; 1 for the scalar's []. */
export const elements = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Whether the type is one of the four floating ones. */
export const isFloating = (dtype: DType): boolean =>
  dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";

/** The array for `length` elements of a type, over `buffer` where one is given (its alignment is the caller's). */
export function allocate(dtype: DType, length: number): TypedArray;
export function allocate(dtype: DType, length: number, buffer: ArrayBufferLike, offset: number): TypedArray;
export function allocate(dtype: DType, length: number, buffer?: ArrayBufferLike, offset = 0): TypedArray {
  const Type = arrays[dtype];
  return buffer ? new Type(buffer as ArrayBuffer, offset, length) : new Type(length);
}

/** A tensor of the given numbers. */
export function hostArray(dtype: DType, shape: readonly number[], data?: TypedArray): HostArray {
  return { dtype, shape: [...shape], data: data ?? allocate(dtype, elements(shape)) };
}

/** The numbers as float32: the array itself where it holds float32, else a converted copy. */
export function toFloat32({ dtype, data }: HostArray): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array) return Float32Array.from(data, Number);
  if (dtype === "float16") return Float32Array.from(data, (bits) => halfTable()[bits]);
  if (dtype === "bfloat16") return bfloat16ToFloat32(data as Uint16Array);
  return Float32Array.from(data as Exclude<typeof data, BigInt64Array>);
}

/** The numbers as the bits of float16, rounded to nearest even; the array itself where it holds float16. */
export function toFloat16(array: HostArray): Uint16Array {
  if (array.dtype === "float16") return array.data as Uint16Array;
  if (array.dtype === "float64") return Uint16Array.from(array.data as Float64Array, float16Bits);
  return Uint16Array.from(toFloat32(array), float16Bits);
}

/** The numbers as doubles, whatever their type (whole numbers beyond 2^53 lose their last digits). */
export function toFloat64(array: HostArray): Float64Array {
  if (array.data instanceof Float64Array) return array.data;
  if (array.data instanceof BigInt64Array) return Float64Array.from(array.data, Number);
  if (array.dtype === "float16" || array.dtype === "bfloat16") return Float64Array.from(toFloat32(array));
  return Float64Array.from(array.data as Exclude<typeof array.data, BigInt64Array>);
}

/** The tensor with its numbers as another type; the tensor itself where it has that type. Fractions of whole types are cut. */
export function castArray(array: HostArray, dtype: DType): HostArray {
  if (array.dtype === dtype) return array;
  return { dtype, shape: [...array.shape], data: converted(array, dtype) };
}

function converted(array: HostArray, dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return toFloat32(array);
    case "float64":
      return toFloat64(array);
    case "float16":
      return toFloat16(array);
    case "bfloat16":
      return toBfloat16(array);
    case "int64":
      return BigInt64Array.from(toFloat64(array), (x) => BigInt(Number.isFinite(x) ? Math.trunc(x) : 0));
    case "bool":
      return Uint8Array.from(toFloat64(array), (x) => (x !== 0 ? 1 : 0));
    default:
      return arrays[dtype].from(toFloat64(array));
  }
}

/** The float32 of each pair of bytes holding a bfloat16: the upper half of a float32. */
function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
}

/** The bits of bfloat16 nearest to each number, ties to even. */
export function toBfloat16(array: HostArray): Uint16Array {
  if (array.dtype === "bfloat16") return array.data as Uint16Array;
  const bits = new Uint32Array(Float32Array.from(toFloat32(array)).buffer);
  return Uint16Array.from(bits, (b) => {
    if ((b & 0x7fffffff) > 0x7f800000) return (b >>> 16) | 0x40; // NaN stays NaN
    return (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  });
}

/** The number that the bits of a float16 mean. */
export const float16Value = (bits: number): number => halfTable()[bits];

/** The bits of the float16 nearest to a number, ties to even; beyond 65520 infinity. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24); // subnormal: steps of 2^-24; may carry into 2^-14
  let exponent = Math.floor(Math.log2(size));
  if (2 ** exponent > size)
    exponent--; // log2 rounds up just below a power of two
  else if (2 ** (exponent + 1) <= size) exponent++;
  // The carry of a mantissa that rounds to 1024 moves on into the exponent.
  return sign | (((exponent + 15) << 10) + roundEven((size / 2 ** exponent - 1) * 1024));
}

// Exact for the magnitudes above: the difference of a double below 2^11 and its floor is exact.
function roundEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest > 0.5) return below + 1;
  return rest < 0.5 || below % 2 === 0 ? below : below + 1;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

// All 65,536 halves, made when the first one is asked for.
let halves: Float32Array | undefined;
function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const mantissa = bits & 1023;
    if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    if (exponent === 0) return sign * mantissa * 2 ** -24;
    return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  });
  return halves;
}
