#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { type CommandName, checkOptions, commandOptions, type Task, tasks } from "../engine/config/index.js";
import { Failure, messageOf, suggestion, UserError } from "../errors/index.js";
import { commands } from "./commands/index.js";
import { helpOf, overview, summaries } from "./help.js";
import { createOutput } from "./output.js";
import { parseWords } from "./overrides.js";

/** The end that Ctrl-C asks for. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

const names = Object.keys(commandOptions) as CommandName[];

// A reader that has seen enough (`| head`) ends the work without a word.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
  });
process.on("uncaughtException", (error) => {
  fail(error);
  process.exit();
});
await main(process.argv.slice(2));

async function main(words: string[]): Promise<void> {
  try {
    await program().parseAsync(words, { from: "user" });
  } catch (error) {
    fail(error);
  }
}

function program(): Command {
  const root = new Command("swinyolo")
    .version(version(), "-v, --version")
    .helpCommand(false)
    .configureHelp({ formatHelp: () => `${overview()}\n` });
  for (const name of names) {
    root
      .command(name)
      .summary(summaries[name])
      .argument("[options...]")
      .allowUnknownOption()
      .helpOption(false)
      .action((_options: string[], _given: object, self: Command) => run(name, self.args));
  }
  root
    .argument("[command]")
    .argument("[of]")
    .allowUnknownOption()
    .allowExcessArguments()
    .action((given?: string, of?: string) => {
      if (given === undefined || (given === "help" && of === undefined)) return root.outputHelp();
      if (given === "help") return showHelp(of as string);
      throw unknownCommand(given);
    });
  return root;
}

function showHelp(name: string, { task }: { task: Task } = { task: "detect" }): void {
  if (!isCommand(name)) throw unknownCommand(name);
  process.stdout.write(`${helpOf(name, task)}\n`);
}

function isCommand(name: string): name is CommandName {
  return names.some((known) => known === name);
}

function unknownCommand(name: string): UserError {
  return new UserError(`${name}: no such command${suggestion(name, names)} (${names.join(", ")})`);
}

async function run(name: CommandName, words: readonly string[]): Promise<void> {
  if (words.some((word) => word === "--help" || word === "-h" || word === "help")) {
    const named = words.map((word) => /^(?:--)?task=(\w+)$/.exec(word)?.[1]);
    showHelp(name, { task: tasks.find((task) => named.includes(task)) ?? "detect" });
    return;
  }
  const given = parseWords(words);
  // Mistakes show before anything heavy is loaded.
  const { json } = checkOptions(name, given);
  const output = createOutput(json);
  const stop = interruptible(() => output.clear());
  try {
    await commands[name]({ given, output, interrupt: stop.interrupt });
  } finally {
    stop.done();
    output.clear();
  }
}

// For commands that ask for the signal, the first Ctrl-C ends the work. The next one finds no handler, so that it ends the
// process, amid a long step too.
function interruptible(onStop: () => void): { interrupt: () => AbortSignal; done: () => void } {
  const controller = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  const done = () => {
    for (const signal of signals) process.off(signal, handler);
  };
  const handler = () => {
    done();
    onStop();
    process.stderr.write("Stopping; again to stop at once.\n");
    controller.abort(new Interrupted());
  };
  const interrupt = () => {
    for (const signal of signals) process.on(signal, handler);
    return controller.signal;
  };
  return { interrupt, done };
}

function fail(error: unknown): void {
  if (process.env.SWINYOLO_DEBUG === "1" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  if (error instanceof Interrupted) {
    process.exitCode = 130;
  } else if (error instanceof UserError || isRefusal(error)) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
  } else if (error instanceof Failure) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(
      `${messageOf(error).split("\n")[0]}\nThis is a bug in swinyolo. SWINYOLO_DEBUG=1 shows where; please report it with that.\n`,
    );
    process.exitCode = 1;
  }
}

// What the system does not let us do, such as writing into a folder of somebody else's or onto a full disk.
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return /^(EACCES|EPERM|EROFS|ENOENT|ENOTDIR|EISDIR|EEXIST|ENAMETOOLONG|ENOSPC|EDQUOT|EMFILE)$/.test(String(code));
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return text;
}
