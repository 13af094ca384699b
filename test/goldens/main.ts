import { existsSync } from "node:fs";
import { goldens } from "../paths.js";
import { discover, type Found } from "./fixtures.js";
import { HostileRunner, markers } from "./hostile.js";
import { kinds } from "./kinds/index.js";
import { failed, type Report, runCase, short } from "./run.js";

/**
 * Rebuilds every fixture under SWINYOLO_GOLDENS (else ../shared/goldens) and compares: `main.js [part of a name or a kind ...]`.
 * Ends with 1 if a case failed.
 */
async function main(filters: string[]): Promise<void> {
  const folder = goldens();
  if (!existsSync(folder)) {
    console.log(`${folder}: no such folder; SWINYOLO_GOLDENS says where the reference values are`);
    console.log("0 passed, 1 failed");
    process.exitCode = 1;
    return;
  }
  const found = discover(folder).filter(
    (one) => filters.length === 0 || filters.some((filter) => isMeant(one, filter)),
  );
  const notYet = found.filter((one) => "kind" in one && !Object.hasOwn(kinds, one.kind));
  const reports = await runAll(
    folder,
    found.filter((one) => !notYet.includes(one)),
  );
  reports.push(...markers(folder).map((file) => failed(file, "a payload was executed")));
  if (found.length === 0) console.log(`${folder}: no fixture ${filters.join(" ")}`);
  summary(reports, notYet);
  process.exitCode = found.length === 0 || reports.some(({ passed }) => !passed) ? 1 : 0;
}

const isMeant = (one: Found, filter: string) => one.name.includes(filter) || ("kind" in one && one.kind === filter);

async function runAll(folder: string, found: Found[]): Promise<Report[]> {
  const hostile = new HostileRunner(folder);
  const reports: Report[] = [];
  console.log(`${"fixture".padEnd(56)} ${"worst error".padStart(11)} ${"bound".padStart(11)}  result`);
  for (const one of found) {
    const isHostile = "kind" in one && one.kind.startsWith("hostile_");
    const runner = "kind" in one ? kinds[one.kind] : undefined;
    const report = isHostile ? await hostile.run(one.name) : await runCase(one, runner);
    console.log(row(report));
    reports.push(report);
  }
  await hostile.end();
  return reports;
}

function row({ name, passed, worst, refused, problems }: Report): string {
  const numbers = worst && !Number.isNaN(worst.error) ? [short(worst.error), short(worst.bound)] : ["-", "-"];
  const [error, bound] = numbers.map((number) => number.padStart(11));
  const line = `${name.padEnd(56)} ${error} ${bound}  ${worst?.result ?? (refused ? "refused" : "")}`.trimEnd();
  if (passed) return line;
  const shown = problems.slice(0, 8).map((problem) => `    FAILED ${problem}`);
  if (problems.length > 8) shown.push(`    and ${problems.length - 8} more`);
  return [line, ...shown].join("\n");
}

function summary(reports: readonly Report[], notYet: readonly Found[]): void {
  const failures = reports.filter(({ passed }) => !passed);
  if (failures.length > 0)
    console.log(
      `\nfailed:\n${failures.map(({ name, problems }) => `  ${name}: ${problems[0].split("\n")[0]}`).join("\n")}`,
    );
  if (notYet.length > 0) {
    const lines = notYet.map((one) => `  ${one.name}${"kind" in one ? ` (${one.kind})` : ""}`);
    console.log(`\nnot yet:\n${lines.join("\n")}\n${notYet.length} not yet`);
  }
  console.log(`${reports.length - failures.length} passed, ${failures.length} failed`);
}

await main(process.argv.slice(2));
