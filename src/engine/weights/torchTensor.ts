import { UserError } from "../../errors/index.js";
import { allocate, bytesPerElement, type DType, type HostArray, type TypedArray } from "../../graph/index.js";
import { Opaque, PickleClass, PickleObject, type PickleValue } from "./pickle.js";

/** The numbers that tensors are views of. */
export class Storage extends Opaque {
  /** Its bytes in the file, read when a tensor first needs them. */
  stored?: StoredBytes;
  private bytes?: Uint8Array;
  private readonly arrays = new Map<DType, TypedArray>();

  constructor(
    readonly key: string,
    readonly dtype: DType | "bytes",
    readonly length: number,
  ) {
    super();
  }

  /** Its numbers as an array of a type; a UserError where the file has fewer than it says. */
  as(dtype: DType): TypedArray {
    let array = this.arrays.get(dtype);
    if (array) return array;
    const width = bytesPerElement[dtype];
    if (!this.stored) throw new UserError(`storage ${this.key} is missing from the file`);
    const needed = this.length * (this.dtype === "bytes" ? 1 : bytesPerElement[this.dtype]);
    if (this.stored.size < needed) {
      throw new UserError(`storage ${this.key} has ${this.stored.size} bytes, ${needed} expected`);
    }
    this.bytes ??= this.stored.read();
    const bytes = this.bytes.byteOffset % width === 0 ? this.bytes : new Uint8Array(this.bytes);
    array = allocate(dtype, Math.floor(needed / width), bytes.buffer, bytes.byteOffset);
    this.arrays.set(dtype, array);
    return array;
  }

  /** Forgets what was read. */
  release(): void {
    this.bytes = undefined;
    this.arrays.clear();
  }
}

/** Bytes of a known size that are read when they are needed. */
export interface StoredBytes {
  readonly size: number;
  read(): Uint8Array;
}

/** A tensor as the pickle describes it: a view of a storage. */
export class TensorRef extends Opaque {
  constructor(
    readonly storage: Storage,
    readonly dtype: DType,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {
    super();
  }
}

/** How many bytes tensors may still take; views can repeat a storage endlessly. */
export interface Budget {
  bytes: number;
}

/** The numbers of a tensor, row-major in an array of their own; a UserError where it reaches past its storage. */
export function materialise({ storage, dtype, offset, shape, strides }: TensorRef, budget: Budget): HostArray {
  const count = shape.reduce((n, d) => n * d, 1);
  budget.bytes -= count * bytesPerElement[dtype];
  if (budget.bytes < 0) throw new UserError(`shape [${shape}] is out of proportion to the file`);
  const from = storage.as(dtype);
  const data = allocate(dtype, count);
  if (count === 0) return { dtype, shape, data };
  const last = shape.reduce((at, d, axis) => at + (d - 1) * strides[axis], offset);
  if (last >= from.length) {
    throw new UserError(
      `it reaches element ${last} of storage ${storage.key}, which has ${from.length} (shape [${shape}], strides [${strides}])`,
    );
  }
  if (isRowMajor(shape, strides)) return { dtype, shape, data: from.slice(offset, offset + count) };
  gather(from, data, { offset, shape, strides });
  return { dtype, shape, data };
}

/** A storage of a persistent id, `("storage", class, key, place, length)`. */
export function storageOf(id: PickleValue): Storage {
  if (!Array.isArray(id) || id[0] !== "storage") throw new UserError("pickle with an unknown persistent id");
  const [, type, key, , length, view] = id;
  if (!(type instanceof PickleClass) || typeof key !== "string" || !isSize(length)) throw badStorage();
  if (view !== undefined && view !== null) throw new UserError("storage that is a view of another: save the file anew");
  const name = type.name.slice(type.name.lastIndexOf(".") + 1).replace(/^_/, "");
  const dtype = name === "UntypedStorage" ? "bytes" : storageTypes.get(name);
  if (!dtype)
    throw new UserError(`storage of type ${type.name}, one of ${[...storageTypes.keys()].join(", ")} expected`);
  return new Storage(key, dtype, length);
}

type Constructor = (args: PickleValue[]) => PickleValue;

/** Every function that a checkpoint's pickle may call. */
export const constructors: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["torch._utils._rebuild_tensor", rebuild],
  ["torch._utils._rebuild_tensor_v2", rebuild],
  ["torch._utils._rebuild_tensor_v3", rebuild],
  ["torch._utils._rebuild_parameter", tensorArgument],
  ["torch._utils._rebuild_parameter_with_state", tensorArgument],
  ["torch.Size", (args) => (Array.isArray(args[0]) ? args[0] : [])],
  ["collections.OrderedDict", mapOf],
  ["collections.defaultdict", () => new Map()],
  ...["builtins", "__builtin__"].flatMap((module): [string, Constructor][] => [
    [`${module}.set`, setOf],
    [`${module}.frozenset`, setOf],
    [`${module}.dict`, () => new Map()],
    [`${module}.list`, (args) => (Array.isArray(args[0]) ? args[0] : [])],
  ]),
  ["copyreg._reconstructor", reconstruct],
  ["copy_reg._reconstructor", reconstruct],
  ...[
    "_codecs.encode",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "torch.device",
  ].map((name): [string, Constructor] => [name, (args) => new PickleObject(name, args)]),
]);

const badStorage = () => new UserError("pickle with a storage that is not as PyTorch writes it");
const badTensor = () => new UserError("pickle with a tensor that is not as PyTorch writes it");

// (storage, offset, shape, strides, ...); the third version adds the type as its seventh.
function rebuild(args: PickleValue[]): PickleValue {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof Storage) || !isSize(offset) || !areSizes(shape) || !areSizes(strides)) throw badTensor();
  if (shape.length !== strides.length || shape.length > 64) throw badTensor();
  const dtype = storage.dtype === "bytes" ? dtypeOf(args[6]) : storage.dtype;
  return new TensorRef(storage, dtype, offset, shape, strides);
}

function dtypeOf(value: PickleValue | undefined): DType {
  const name = value instanceof PickleClass ? value.name.replace(/^torch\./, "") : "";
  if (!isDType(name)) throw new UserError(`tensor of type ${name || "unknown"}`);
  return name;
}

function tensorArgument(args: PickleValue[]): PickleValue {
  if (!(args[0] instanceof TensorRef)) throw badTensor();
  return args[0];
}

function mapOf(args: PickleValue[]): PickleValue {
  const map = new Map<PickleValue, PickleValue>();
  if (Array.isArray(args[0])) {
    for (const pair of args[0]) if (Array.isArray(pair) && pair.length === 2) map.set(pair[0], pair[1]);
  }
  return map;
}

function setOf(args: PickleValue[]): PickleValue {
  return new Set(Array.isArray(args[0]) ? args[0] : []);
}

function reconstruct(args: PickleValue[]): PickleValue {
  if (!(args[0] instanceof PickleClass)) throw badTensor();
  return new PickleObject(args[0].name, []);
}

const isSize = (value: PickleValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const areSizes = (value: PickleValue | undefined): value is number[] => Array.isArray(value) && value.every(isSize);

const isDType = (name: string): name is DType => Object.hasOwn(bytesPerElement, name);

function isRowMajor(shape: number[], strides: number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis];
  }
  return true;
}

interface View {
  offset: number;
  shape: number[];
  strides: number[];
}

function gather(from: TypedArray, to: TypedArray, { offset, shape, strides }: View): void {
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

const storageTypes: ReadonlyMap<string, DType> = new Map([
  ["FloatStorage", "float32"],
  ["DoubleStorage", "float64"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
]);
