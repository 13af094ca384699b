import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "swinyolo/data";
import { benches } from "./benches/index.js";
import { machine, machineLine } from "./machine.js";
import { parseOptions, usage } from "./options.js";
import { results, root } from "./paths.js";
import { withSection } from "./report.js";

async function main(args: readonly string[]): Promise<void> {
  if (args.some((arg) => ["help", "--help", "-h"].includes(arg))) return console.log(usage);
  const { names, options } = parseOptions(args);
  const unknown = names.find((name) => !Object.hasOwn(benches, name));
  if (unknown) throw new UserError(`no bench is called ${unknown}; there are ${Object.keys(benches).join(", ")}`);
  mkdirSync(results, { recursive: true });
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    const about = { date: new Date().toISOString(), command: commandOf(name, args), machine: machine() };
    const keep = (data: object) =>
      writeFileSync(join(results, `${name}.json`), JSON.stringify({ ...about, ...data }, undefined, 1));
    const { data, markdown } = await benches[name](options, keep);
    keep(data);
    const body = [
      `\`${about.command}\`, ${about.date.slice(0, 10)}. ${machineLine(about.machine)}.`,
      "",
      markdown,
    ].join("\n");
    console.log(`\n${body}\n`);
    if (options.docs) {
      const file = join(root, "docs", "performance.md");
      writeFileSync(file, withSection(readFileSync(file, "utf8"), name, body));
    }
  }
}

const commandOf = (name: string, args: readonly string[]): string =>
  ["npm run bench --", name, ...args.filter((arg) => arg.includes("=") && !/^(docs|plots|data)=/.test(arg))].join(" ");

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(error instanceof UserError ? error.message : error.stack);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
