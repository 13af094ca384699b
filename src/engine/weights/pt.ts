import { at, UserError } from "../../errors/index.js";
import { bytesPerElement, elements, type HostArray } from "../../graph/index.js";
import { type ByteSource, checkMemory, type ReadLimit, sourceOf } from "./bytes.js";
import { type Allowed, type PickleValue, unpickle } from "./pickle.js";
import { type CheckpointInfo, findState } from "./ptState.js";
import { type Budget, constructors, materialise, type Storage, storageOf, type TensorRef } from "./torchTensor.js";
import { readZip } from "./zip.js";

/** What a PyTorch file holds. */
export interface PtFile extends CheckpointInfo {
  /** The state_dict: tensors under their PyTorch names, types as stored. */
  tensors: Map<string, HostArray>;
  /** Names of those that are parameters; known of a whole pickled model only. */
  parameters?: Set<string>;
  /** Entries of the state_dict that are no tensors. */
  skipped: string[];
  format: "pytorch" | "pytorch-legacy";
}

/**
 * Reads a PyTorch file, in memory or storage by storage from where it lies: a state_dict, one in a checkpoint, or a whole
 * pickled model, of which `ema` goes before `model`. Classes stay inert data; a pickle that calls anything but PyTorch's own
 * constructors is refused.
 */
export function parsePt(file: Uint8Array | ByteSource, limit: ReadLimit = {}): PtFile {
  const source = sourceOf(file);
  const { root, format, checkRest } = isZip(source) ? readZipped(source) : readLegacy(source);
  const { entries, skipped, parameters, info } = findState(root);
  checkMemory(sum([...entries.values()], sizeOf), limit);
  const budget: Budget = { bytes: 8 * source.length + 2 ** 26 };
  // How many tensors have yet to be taken from a storage; behind the last one it can be forgotten.
  const waiting = new Map<Storage, number>();
  for (const { storage } of entries.values()) waiting.set(storage, (waiting.get(storage) ?? 0) + 1);
  const tensors = new Map<string, HostArray>();
  for (const [name, tensor] of entries) {
    tensors.set(
      name,
      at(`tensor ${JSON.stringify(name)}`, () => materialise(tensor, budget)),
    );
    const left = waiting.get(tensor.storage)! - 1;
    waiting.set(tensor.storage, left);
    if (left === 0) tensor.storage.release();
  }
  checkRest?.();
  return { ...info, tensors, parameters, skipped, format };
}

const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0);

const sizeOf = ({ shape, dtype }: TensorRef) => elements(shape) * bytesPerElement[dtype];

interface Loaded {
  root: PickleValue;
  format: PtFile["format"];
  /** Checks what was not read. */
  checkRest?: () => void;
}

function isZip(source: ByteSource): boolean {
  const bytes = source.read(0, Math.min(source.length, 3));
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] <= 0x08;
}

function readZipped(source: ByteSource): Loaded {
  const { members, checkRest } = readZip(source);
  const pickle = [...members.keys()].find((name) => /^(?:[^/]*\/)?data\.pkl$/.test(name));
  if (pickle === undefined) throw new UserError("a zip file without data.pkl: not written by PyTorch");
  const folder = pickle.slice(0, -"data.pkl".length);
  const order = members.get(`${folder}byteorder`)?.read();
  if (order && new TextDecoder().decode(order).trim() === "big") throw bigEndian();
  const { allowed, storages } = allowing();
  const { value } = unpickle(members.get(pickle)!.read(), allowed);
  for (const [key, storage] of storages) storage.stored = members.get(`${folder}data/${key}`);
  return { root: value, format: "pytorch", checkRest };
}

const firstPickles = 2 ** 26;
const mostPickles = 2 ** 30;

/**
 * The format before PyTorch 1.6: pickles one after another (magic number, protocol, machine, object, keys of the storages),
 * then for every key the element count (int64) and the numbers. How long the pickles are shows when they are read: where they
 * end too early, more of the file is tried.
 */
function readLegacy(source: ByteSource): Loaded {
  checkLegacy(source);
  for (let size = firstPickles; ; size *= 4) {
    const length = Math.min(source.length, size);
    try {
      return readPickles(source, source.read(0, length));
    } catch (error) {
      if (length === source.length || size >= mostPickles) throw error;
    }
  }
}

function readPickles(source: ByteSource, bytes: Uint8Array): Loaded {
  let end = 0;
  const { allowed, storages } = allowing();
  const next = () => {
    const read = unpickle(bytes, allowed, { start: end });
    end = read.end;
    return read.value;
  };
  if (next() !== magic) throw new UserError("a pickle, but not of PyTorch: its magic number is missing");
  if (next() !== 1001) throw new UserError("a PyTorch file of an unknown protocol, 1001 expected");
  const machine = next();
  if (machine instanceof Map && machine.get("little_endian") === false) throw bigEndian();
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new UserError("damaged: a PyTorch file without the list of its storages");
  for (const key of keys) end = findStorage(source, end, storages.get(String(key)));
  return { root, format: "pytorch-legacy" };
}

const magic = 0x1950a86a20f9469cfc6cn;
const bigEndian = () => new UserError("written on a big-endian machine, little-endian expected");

// Where a storage's numbers lie, and where the next one begins.
function findStorage(source: ByteSource, start: number, storage: Storage | undefined): number {
  if (!storage) throw new UserError("damaged: a storage that no tensor uses");
  const width = storage.dtype === "bytes" ? 1 : bytesPerElement[storage.dtype];
  if (start + 8 > source.length) throw cutOff();
  const first = source.read(start, start + 8);
  const count = new DataView(first.buffer, first.byteOffset, 8).getBigInt64(0, true);
  if (count !== BigInt(storage.length)) {
    throw new UserError(`storage ${storage.key} has ${count} elements, ${storage.length} expected`);
  }
  const [from, size] = [start + 8, storage.length * width];
  if (from + size > source.length) throw cutOff();
  storage.stored = { size, read: () => source.read(from, from + size) };
  return from + size;
}

const cutOff = () => new UserError("cut off: its last storages are missing");

function allowing(): { allowed: Allowed; storages: Map<string, Storage> } {
  const storages = new Map<string, Storage>();
  const persistent = (id: PickleValue) => {
    const storage = storageOf(id);
    const known = storages.get(storage.key);
    if (!known) storages.set(storage.key, storage);
    else if (known.dtype !== storage.dtype || known.length !== storage.length) {
      throw new UserError(`storage ${storage.key} is described twice and differently`);
    }
    return known ?? storage;
  };
  return { allowed: { call: (name) => constructors.get(name), persistent }, storages };
}

function checkLegacy(source: ByteSource): void {
  if (source.length === 0) throw new UserError("an empty file");
  const first = source.read(0, Math.min(source.length, 200));
  if (first[0] === 0x80) return;
  const text = new TextDecoder().decode(first).trimStart().toLowerCase();
  if (text.startsWith("<")) throw new UserError("a web page, not weights: download the file itself");
  if (text.startsWith("version https://git-lfs")) throw new UserError("a Git LFS pointer, not the weights themselves");
  throw new UserError("not written by PyTorch: neither a zip file nor a pickle");
}
