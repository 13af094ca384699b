import { UserError } from "../../errors/index.js";

/** A value of a pickle. Lists and tuples are arrays, dictionaries Maps; nothing in it was ever run. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleClass
  | PickleObject
  | Opaque;

/** The name of a class or function, `module.Name`; it is never looked up. */
export class PickleClass {
  readonly kind = "class";

  constructor(readonly name: string) {}
}

/** An object of a class as inert data: what its constructor would get, what its state is. */
export class PickleObject {
  readonly kind = "object";
  state: PickleValue = null;
  /** What a subclass of list or dict holds. */
  readonly list: PickleValue[] = [];
  readonly entries = new Map<PickleValue, PickleValue>();

  constructor(
    readonly name: string,
    readonly args: PickleValue[],
  ) {}
}

/** A value that the caller's own constructors make; the pickle can only pass it on. */
export class Opaque {
  readonly kind = "opaque";
}

/** The functions that a pickle may call, by `module.name`, and what stands for a persistent id. */
export interface Allowed {
  call(name: string): ((args: PickleValue[]) => PickleValue) | undefined;
  persistent(id: PickleValue): PickleValue;
}

/** Reads the pickle (protocols 2 to 5) at `start`: its value, and where it ends. A call of anything not allowed is refused. */
export function unpickle(
  bytes: Uint8Array,
  allowed: Allowed,
  { start = 0 }: { start?: number } = {},
): { value: PickleValue; end: number } {
  const machine: Machine = { bytes, at: start, stack: [], marks: [], memo: new Map(), classes: new Map(), allowed };
  for (let count = 0; count < maxOpcodes; count++) {
    const code = u8(machine);
    if (code === stop) {
      if (machine.marks.length > 0) throw damaged();
      return { value: pop(machine), end: machine.at };
    }
    const run = opcodes[code];
    if (!run)
      throw new UserError(`pickle with opcode 0x${code.toString(16)} at byte ${machine.at - 1}: ${unsupported}`);
    run(machine);
  }
  throw new UserError(`pickle with over ${maxOpcodes} instructions`);
}

interface Machine {
  bytes: Uint8Array;
  at: number;
  stack: PickleValue[];
  marks: number[];
  memo: Map<number, PickleValue>;
  classes: Map<string, PickleClass>;
  allowed: Allowed;
}

const maxOpcodes = 5_000_000; // the largest YOLOv5 checkpoint has some 300,000
const unsupported = "not one that PyTorch writes";
const stop = 0x2e;

const damaged = () => new UserError("damaged pickle");

// --- bytes

function take(m: Machine, length: number): Uint8Array {
  if (length > m.bytes.length - m.at) throw new UserError("pickle that is cut off");
  m.at += length;
  return m.bytes.subarray(m.at - length, m.at);
}

const u8 = (m: Machine): number => take(m, 1)[0];

function view(m: Machine, length: number): DataView {
  const part = take(m, length);
  return new DataView(part.buffer, part.byteOffset, length);
}

const u16 = (m: Machine) => view(m, 2).getUint16(0, true);
const u32 = (m: Machine) => view(m, 4).getUint32(0, true);

function u64(m: Machine): number {
  const value = view(m, 8).getBigUint64(0, true);
  if (value > BigInt(m.bytes.length)) throw new UserError("pickle that is cut off");
  return Number(value);
}

// Little-endian, two's complement.
function long(m: Machine, length: number): number | bigint {
  if (length > 1024) throw new UserError(`pickle with a number of ${length} bytes`);
  const digits = take(m, length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
  value = BigInt.asIntN(Math.max(1, length * 8), value);
  return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const latin1 = (part: Uint8Array) => Array.from(part, (byte) => String.fromCharCode(byte)).join("");

function line(m: Machine): string {
  const end = m.bytes.indexOf(0x0a, m.at);
  if (end < 0 || end - m.at > 1000) throw damaged();
  const text = utf8.decode(take(m, end - m.at));
  m.at++;
  return text;
}

// --- stack

function pop(m: Machine): PickleValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) throw damaged();
  return m.stack.pop()!;
}

function top(m: Machine): PickleValue {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) throw damaged();
  return m.stack.at(-1)!;
}

function popMark(m: Machine): PickleValue[] {
  const mark = m.marks.pop();
  if (mark === undefined) throw damaged();
  return m.stack.splice(mark);
}

const push = (m: Machine, value: PickleValue) => void m.stack.push(value);

function recall(m: Machine, index: number): void {
  const value = m.memo.get(index);
  if (value === undefined) throw damaged();
  push(m, value);
}

const remember = (m: Machine, index: number) => void m.memo.set(index, top(m));

// --- objects

function classOf(m: Machine, module: PickleValue, name: PickleValue): PickleClass {
  if (typeof module !== "string" || typeof name !== "string") throw damaged();
  const full = `${module}.${name}`;
  let found = m.classes.get(full);
  if (!found) {
    found = new PickleClass(full);
    m.classes.set(full, found);
  }
  return found;
}

function reduce(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!(callee instanceof PickleClass) || !Array.isArray(args)) throw damaged();
  const make = m.allowed.call(callee.name);
  if (!make) {
    throw new UserError(`refused: the file calls ${shown(callee.name)} when it is read; no checkpoint needs that`);
  }
  push(m, make(args));
}

function create(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!(callee instanceof PickleClass) || !Array.isArray(args)) throw damaged();
  const make = m.allowed.call(callee.name);
  push(m, make ? make(args) : new PickleObject(callee.name, args));
}

function build(m: Machine): void {
  const state = pop(m);
  const target = top(m);
  if (target instanceof PickleObject) target.state = state;
  else if (!(target instanceof Map || target instanceof Set || target instanceof Opaque)) throw damaged();
  // The attributes of a dictionary (a state_dict's _metadata) and of a tensor say nothing that we need.
}

function append(m: Machine, values: PickleValue[]): void {
  const target = top(m);
  const list = target instanceof PickleObject ? target.list : target;
  if (!Array.isArray(list)) throw damaged();
  for (const value of values) list.push(value);
}

function setItems(m: Machine, values: PickleValue[]): void {
  const target = top(m);
  const map = target instanceof PickleObject ? target.entries : target;
  if (!(map instanceof Map) || values.length % 2 !== 0) throw damaged();
  for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
}

function addItems(m: Machine): void {
  const values = popMark(m);
  const set = top(m);
  if (!(set instanceof Set)) throw damaged();
  for (const value of values) set.add(value);
}

function tuple(m: Machine, length: number): void {
  const values = Array.from({ length }, () => pop(m));
  push(m, values.reverse());
}

function dictionary(values: PickleValue[]): Map<PickleValue, PickleValue> {
  if (values.length % 2 !== 0) throw damaged();
  const map = new Map<PickleValue, PickleValue>();
  for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  return map;
}

const shown = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}...` : name);

function discard(m: Machine): void {
  if (m.stack.length === m.marks.at(-1)) m.marks.pop();
  else pop(m);
}

function twoBelow(m: Machine, then: (m: Machine, values: PickleValue[]) => void, count: number): void {
  const values = Array.from({ length: count }, () => pop(m)).reverse();
  then(m, values);
}

// --- the instructions of protocols 2 to 5, by their byte

const opcodes: Readonly<Record<number, (m: Machine) => void>> = {
  128: (m) => {
    const protocol = u8(m); // PROTO
    if (protocol < 2 || protocol > 5) throw new UserError(`pickle of protocol ${protocol}, 2 to 5 expected`);
  },
  149: (m) => void take(m, 8), // FRAME
  40: (m) => void m.marks.push(m.stack.length), // MARK
  48: discard, // POP
  49: (m) => void popMark(m), // POP_MARK
  50: (m) => push(m, top(m)), // DUP

  78: (m) => push(m, null), // NONE
  136: (m) => push(m, true), // NEWTRUE
  137: (m) => push(m, false), // NEWFALSE
  74: (m) => push(m, view(m, 4).getInt32(0, true)), // BININT
  75: (m) => push(m, u8(m)), // BININT1
  77: (m) => push(m, u16(m)), // BININT2
  138: (m) => push(m, long(m, u8(m))), // LONG1
  139: (m) => push(m, long(m, u32(m))), // LONG4
  71: (m) => push(m, view(m, 8).getFloat64(0, false)), // BINFLOAT
  88: (m) => push(m, utf8.decode(take(m, u32(m)))), // BINUNICODE
  140: (m) => push(m, utf8.decode(take(m, u8(m)))), // SHORT_BINUNICODE
  141: (m) => push(m, utf8.decode(take(m, u64(m)))), // BINUNICODE8
  85: (m) => push(m, latin1(take(m, u8(m)))), // SHORT_BINSTRING
  84: (m) => push(m, latin1(take(m, u32(m)))), // BINSTRING
  67: (m) => push(m, take(m, u8(m))), // SHORT_BINBYTES
  66: (m) => push(m, take(m, u32(m))), // BINBYTES
  142: (m) => push(m, take(m, u64(m))), // BINBYTES8
  150: (m) => push(m, take(m, u64(m))), // BYTEARRAY8

  93: (m) => push(m, []), // EMPTY_LIST
  41: (m) => push(m, []), // EMPTY_TUPLE
  125: (m) => push(m, new Map()), // EMPTY_DICT
  143: (m) => push(m, new Set()), // EMPTY_SET
  116: (m) => push(m, popMark(m)), // TUPLE
  108: (m) => push(m, popMark(m)), // LIST
  100: (m) => push(m, dictionary(popMark(m))), // DICT
  145: (m) => push(m, new Set(popMark(m))), // FROZENSET
  133: (m) => tuple(m, 1), // TUPLE1
  134: (m) => tuple(m, 2), // TUPLE2
  135: (m) => tuple(m, 3), // TUPLE3
  97: (m) => twoBelow(m, append, 1), // APPEND
  101: (m) => append(m, popMark(m)), // APPENDS
  115: (m) => twoBelow(m, setItems, 2), // SETITEM
  117: (m) => setItems(m, popMark(m)), // SETITEMS
  144: addItems, // ADDITEMS

  113: (m) => remember(m, u8(m)), // BINPUT
  114: (m) => remember(m, u32(m)), // LONG_BINPUT
  148: (m) => remember(m, m.memo.size), // MEMOIZE
  104: (m) => recall(m, u8(m)), // BINGET
  106: (m) => recall(m, u32(m)), // LONG_BINGET

  99: (m) => push(m, classOf(m, line(m), line(m))), // GLOBAL
  147: (m) => {
    const name = pop(m); // STACK_GLOBAL
    push(m, classOf(m, pop(m), name));
  },
  82: reduce, // REDUCE
  129: create, // NEWOBJ
  146: (m) => {
    pop(m); // NEWOBJ_EX: the keyword arguments go
    create(m);
  },
  98: build, // BUILD
  81: (m) => push(m, m.allowed.persistent(pop(m))), // BINPERSID
};
