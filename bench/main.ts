import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "swinyolo/data";
import { type Case, casesOf } from "./cases.js";
import { type Duel, duel } from "./duel.js";
import { bloodCells, loaderSpeeds } from "./loader.js";
import { machine, machineLine } from "./machine.js";
import { type BenchOptions, parseOptions, usage } from "./options.js";
import { results, root } from "./paths.js";
import { findPeer } from "./peer.js";
import { agreementLine, duelLine, duelTable, loaderTable, withSection } from "./report.js";

/** What a bench found: everything for the JSON, the tables for the document. */
interface Found {
  readonly data: object;
  readonly markdown: string;
}

/** The benches by name; each says what is missing instead of guessing. */
const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Found>>> = {
  train: (options) => steps("train", options, ["4x320"]),
  inference: (options) => steps("inference", options, ["1x640"]),
  loader,
};

async function main(args: readonly string[]): Promise<void> {
  if (args.some((arg) => ["help", "--help", "-h"].includes(arg))) return console.log(usage);
  const { names, options } = parseOptions(args);
  const unknown = names.find((name) => !Object.hasOwn(benches, name));
  if (unknown) throw new UserError(`no bench is called ${unknown}; there are ${Object.keys(benches).join(", ")}`);
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    const about = { date: new Date().toISOString(), command: commandOf(name, args), machine: machine() };
    const { data, markdown } = await benches[name](options);
    const body = [
      `\`${about.command}\`, ${about.date.slice(0, 10)}. ${machineLine(about.machine)}.`,
      "",
      markdown,
    ].join("\n");
    console.log(`\n${body}\n`);
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, `${name}.json`), JSON.stringify({ ...about, ...data }, undefined, 1));
    if (options.docs) {
      const file = join(root, "docs", "performance.md");
      writeFileSync(file, withSection(readFileSync(file, "utf8"), name, body));
    }
  }
}

const commandOf = (name: string, args: readonly string[]): string =>
  ["npm run bench --", name, ...args.filter((arg) => arg.includes("=") && !arg.startsWith("docs="))].join(" ");

async function steps(kind: Case["kind"], options: BenchOptions, shapes: readonly string[]): Promise<Found> {
  const peer = findPeer(options.waiting);
  const said = "missing" in peer ? peer.missing : peer.version;
  console.error(said);
  const duels: Duel[] = [];
  for (const one of casesOf(kind, options.models, options.shapes ?? shapes)) {
    duels.push(await duel(one, peer, options));
    console.error(duelLine(duels.at(-1)!));
  }
  const { rounds, warmup, threads, waiting } = options;
  const markdown = [
    `${said}. ${threads} threads, ${waiting} while they wait; ${rounds} rounds after ${warmup} to warm up, both sides taking turns; medians. ${agreementLine(duels)}`,
    "",
    duelTable(duels),
  ].join("\n");
  return { data: { peer: said, rounds, warmup, threads, waiting, duels }, markdown };
}

async function loader({ data = bloodCells(), workers }: BenchOptions): Promise<Found> {
  if (!data) return { data: { missing: "data" }, markdown: "No data set: give one with data=FILE." };
  const setting = { imgsz: 320, batch: 16, epochs: 1 };
  const speeds = await loaderSpeeds({ data, workers, ...setting });
  const markdown = [
    `Training batches of ${setting.batch} at ${setting.imgsz} px (mosaic, perspective, colour, flips), ${speeds[0].pictures} pictures, nobody using them.`,
    "",
    loaderTable(speeds),
  ].join("\n");
  return { data: { ...setting, speeds }, markdown };
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(error instanceof UserError ? error.message : error.stack);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
