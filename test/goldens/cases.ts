import type { HostArray } from "swinyolo/graph";

/** What a kind gives back: a tensor, a list of tensors, or plain values; for names that the fixture asks for. */
export type ResultValue = HostArray | HostArray[] | Plain;
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain | HostArray | HostArray[] };
export type Results = Record<string, ResultValue>;

/** Rebuilds a case from its JSON and gives its results; a hostile file that it refuses is a UserError naming the file. */
export type KindRunner = (c: GoldenCase) => Results | Promise<Results>;

/** One case as its fixture describes it; asking for what is not there throws, naming it. */
export interface GoldenCase {
  /** `data/boxes/xywh2xyxy`: the fixture's path, and the case's name where it holds several. */
  readonly name: string;
  readonly kind: string;
  readonly module?: string;
  readonly args: Record<string, unknown>;
  readonly options: Record<string, unknown>;
  readonly model_yaml?: Record<string, unknown>;
  readonly expected: Record<string, unknown>;
  /** The case's JSON, with the keys that it took from the file. */
  readonly raw: Record<string, unknown>;
  /** Names of the inputs. */
  readonly inputs: readonly string[];
  /** An input: a tensor, or a list of them. */
  input(name: string): HostArray | HostArray[];
  /** An input that is one tensor. */
  array(name: string): HostArray;
  /** An input as a list of tensors; a single one is a list of one. */
  list(name: string): HostArray[];
  /** Names of all tensors of the fixture's file. */
  readonly tensors: readonly string[];
  /** A tensor of the fixture's file under its own name (`probe`, ...). */
  tensor(name: string): HostArray;
  /** The weights under their PyTorch names, halves widened to float32; empty without a `state`. */
  state(): Map<string, HostArray>;
  /** The absolute path of an asset. */
  asset(name: string): string;
  /** The absolute path of a hostile file. */
  readonly file?: string;
}
