import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newestRun } from "../run/newest.js";
import { resolveModelFile } from "./files.js";

/** What a model does, or is trained for. */
export const tasks = ["detect", "classify", "pretrain"] as const;
export type Task = (typeof tasks)[number];

/**
 * The task of a call: what `task` says, else the run that is resumed, the weights, the model's YAML; `detect` where none says
 * anything. Files are only glanced at, and what is wrong with them is left to those who read them.
 */
export function taskOf(given: Readonly<Record<string, unknown>>): Task {
  const named = tasks.find((task) => given.task === task);
  if (named) return named;
  const told = [ofRun(given), ofWeights(given.weights), ofModel(given.model ?? given.cfg)].find(
    (task) => task !== undefined,
  );
  return told ?? "detect";
}

/** What was given, without the word that names the task. */
export function withoutTask<T extends Readonly<Record<string, unknown>>>(given: T): T {
  if (!tasks.some((task) => given.task === task)) return given;
  const { task: _, ...rest } = given;
  return rest as unknown as T;
}

function ofRun({ resume, project }: Readonly<Record<string, unknown>>): Task | undefined {
  if (resume === undefined || resume === false || resume === "false") return undefined;
  return glance(() => {
    const folder =
      resume === true || resume === "true"
        ? newestRun(typeof project === "string" ? project : "runs/train")
        : String(resume).replace(/[\\/]weights[\\/][^\\/]*$/, "");
    return says(readFileSync(join(folder, "opt.yaml"), "utf8"));
  });
}

function ofWeights(file: unknown): Task | undefined {
  if (typeof file !== "string") return undefined;
  return glance(() => {
    if (/\.onnx$/i.test(file)) return readFileSync(file).includes(onnxEntry) ? "classify" : undefined;
    const beside = `${file.replace(/\.safetensors$/i, "")}.json`;
    if (!existsSync(beside)) return undefined;
    const { task } = JSON.parse(readFileSync(beside, "utf8")) as { task?: unknown };
    // What is pretrained goes on as a classifier.
    return task === "pretrain" ? "classify" : tasks.find((one) => one === task);
  });
}

// The entry "task", "classify" of an ONNX file's metadata.
const onnxEntry = Buffer.from("\n\x04task\x12\x08classify", "latin1");

function ofModel(file: unknown): Task | undefined {
  if (typeof file !== "string") return undefined;
  return glance(() => says(readFileSync(resolveModelFile(file), "utf8")));
}

const says = (yaml: string): Task | undefined => {
  const said = /^task:\s*["']?(\w+)/m.exec(yaml)?.[1];
  return tasks.find((task) => task === said);
};

function glance(look: () => Task | undefined): Task | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
