import { basename } from "node:path";
import type { KindRunner, Results } from "./cases.js";
import { comparePlain, compareTensor } from "./compare.js";
import type { Expectation, Found, OpenCase } from "./fixtures.js";
import { fail, type Verdict, worst } from "./verdict.js";

/** What became of a case: the result furthest from its reference, and every problem. */
export interface Report {
  name: string;
  passed: boolean;
  worst?: { result: string; error: number; bound: number };
  /** A hostile file was refused. */
  refused?: boolean;
  problems: string[];
}

/** Rebuilds a case and compares its results; nothing that goes wrong escapes the report. */
export async function runCase(found: Found, runner: KindRunner | undefined): Promise<Report> {
  const { name } = found;
  if ("problem" in found) return failed(name, found.problem);
  if (!runner) return failed(name, `no runner for ${found.kind}`);
  let open: OpenCase;
  try {
    open = found.open();
  } catch (error) {
    return failed(name, `cannot be interpreted: ${messageOf(error)}`);
  }
  if (open.hostile) return runHostile(open, runner);
  try {
    return judge(name, open.expectations, await runner(open.case));
  } catch (error) {
    return failed(name, `threw ${messageOf(error)}`);
  }
}

async function runHostile({ case: c, expectations, hostile }: OpenCase, runner: KindRunner): Promise<Report> {
  const expect = hostile!.expect;
  let results: Results;
  try {
    results = await runner(c);
  } catch (error) {
    const problem = refusalProblem(error, c.file ?? "");
    if (problem) return failed(c.name, problem);
    return expect === "accept"
      ? failed(c.name, `refused: ${messageOf(error)}`)
      : { name: c.name, passed: true, refused: true, problems: [] };
  }
  if (expect === "reject") return failed(c.name, "accepted, to be refused");
  return judge(c.name, expectations, results);
}

// A refusal is a UserError of one line that names the file; anything else is a crash.
function refusalProblem(error: unknown, file: string): string | undefined {
  if (!(error instanceof Error) || error.name !== "UserError") return `crashed: ${messageOf(error)}`;
  if (error.message.includes("\n")) return "refused in several lines";
  if (!error.message.includes(basename(file))) return `refused without naming the file: ${error.message}`;
  return undefined;
}

function judge(name: string, expectations: readonly Expectation[], results: Results): Report {
  const verdicts = expectations.map((expectation) => ({
    result: expectation.result,
    ...verdictOf(expectation, results),
  }));
  const wrong = verdicts.filter((verdict) => !verdict.passed);
  const furthest = worst(verdicts) as Verdict & { result?: string };
  return {
    name,
    passed: wrong.length === 0,
    worst: { result: furthest.result ?? verdicts[0]?.result ?? "", error: furthest.error, bound: furthest.bound },
    problems: wrong.map(({ result, error, bound, detail }) =>
      Number.isNaN(error) ? `${result}: ${detail}` : `${result}: ${short(error)} > ${short(bound)} ${detail}`,
    ),
  };
}

function verdictOf(expectation: Expectation, results: Results): Verdict {
  const { result, rule } = expectation;
  if (!Object.hasOwn(results, result) || results[result] === undefined) return fail("missing from the results");
  const actual = results[result];
  if ("tensor" in expectation) return compareTensor(expectation.tensor, actual, rule, expectation.info);
  if ("value" in expectation) return comparePlain(expectation.value, actual, rule);
  const { tensors, infos } = expectation;
  if (!Array.isArray(actual) || actual.length !== tensors.length) return fail(`a list of ${tensors.length} expected`);
  return worst(tensors.map((tensor, i) => compareTensor(tensor, actual[i], rule, infos[i])));
}

/** A report of one problem. */
export const failed = (name: string, problem: string): Report => ({ name, passed: false, problems: [problem] });

/** A number in few digits. */
export const short = (x: number): string => (Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x) : x.toExponential(2));

// With the first places of the stack, unless the user is to blame.
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = error.name === "UserError" ? [] : (error.stack ?? "").split("\n    at ").slice(1, 4);
  return [`${error.name}: ${error.message}`, ...places].join("\n      at ");
}
