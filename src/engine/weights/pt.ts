import { at, UserError } from "../../errors/index.js";
import { bytesPerElement, type HostArray } from "../../graph/index.js";
import { type Allowed, type PickleValue, unpickle } from "./pickle.js";
import { type CheckpointInfo, findState } from "./ptState.js";
import { type Budget, constructors, materialise, type Storage, storageOf } from "./torchTensor.js";
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
 * Reads a PyTorch file that is in memory: a state_dict, one in a checkpoint, or a whole pickled model, of which `ema` goes
 * before `model`. Classes stay inert data; a pickle that calls anything but PyTorch's own constructors is refused.
 */
export function parsePt(bytes: Uint8Array): PtFile {
  const { root, format } = isZip(bytes) ? readZipped(bytes) : readLegacy(bytes);
  const { entries, skipped, parameters, info } = findState(root);
  const tensors = new Map<string, HostArray>();
  const budget: Budget = { bytes: 8 * bytes.length + 2 ** 26 };
  for (const [name, tensor] of entries) {
    tensors.set(
      name,
      at(`tensor ${JSON.stringify(name)}`, () => materialise(tensor, budget)),
    );
  }
  return { ...info, tensors, parameters, skipped, format };
}

interface Loaded {
  root: PickleValue;
  format: PtFile["format"];
}

const isZip = (bytes: Uint8Array) => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] <= 0x08;

function readZipped(bytes: Uint8Array): Loaded {
  const members = readZip(bytes);
  const pickle = [...members.keys()].find((name) => /^(?:[^/]*\/)?data\.pkl$/.test(name));
  if (pickle === undefined) throw new UserError("a zip file without data.pkl: not written by PyTorch");
  const folder = pickle.slice(0, -"data.pkl".length);
  const order = members.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() === "big") throw bigEndian();
  const { allowed, storages } = allowing();
  const { value } = unpickle(members.get(pickle)!, allowed);
  for (const [key, storage] of storages) storage.bytes = members.get(`${folder}data/${key}`);
  return { root: value, format: "pytorch" };
}

/**
 * The format before PyTorch 1.6: pickles one after another (magic number, protocol, machine, object, keys of the storages),
 * then for every key the element count (int64) and the numbers.
 */
function readLegacy(bytes: Uint8Array): Loaded {
  checkLegacy(bytes);
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
  for (const key of keys) end = readStorage(bytes, end, storages.get(String(key)));
  return { root, format: "pytorch-legacy" };
}

const magic = 0x1950a86a20f9469cfc6cn;
const bigEndian = () => new UserError("written on a big-endian machine, little-endian expected");

function readStorage(bytes: Uint8Array, start: number, storage: Storage | undefined): number {
  if (!storage) throw new UserError("damaged: a storage that no tensor uses");
  const width = storage.dtype === "bytes" ? 1 : bytesPerElement[storage.dtype];
  if (start + 8 > bytes.length) throw cutOff();
  const count = new DataView(bytes.buffer, bytes.byteOffset + start, 8).getBigInt64(0, true);
  if (count !== BigInt(storage.length)) {
    throw new UserError(`storage ${storage.key} has ${count} elements, ${storage.length} expected`);
  }
  const end = start + 8 + storage.length * width;
  if (end > bytes.length) throw cutOff();
  storage.bytes = bytes.subarray(start + 8, end);
  return end;
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

function checkLegacy(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new UserError("an empty file");
  if (bytes[0] === 0x80) return;
  const text = new TextDecoder().decode(bytes.subarray(0, 200)).trimStart().toLowerCase();
  if (text.startsWith("<")) throw new UserError("a web page, not weights: download the file itself");
  if (text.startsWith("version https://git-lfs")) throw new UserError("a Git LFS pointer, not the weights themselves");
  throw new UserError("not written by PyTorch: neither a zip file nor a pickle");
}
