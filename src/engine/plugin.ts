import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, UserError } from "../errors/index.js";
import type { BlockDefinition } from "../nn/index.js";

/**
 * The blocks that a user's file defines: everything it exports that `defineBlock` made, alone or in lists. `.ts` files run
 * through jiti, so on every supported Node.
 * @throws UserError naming the file and what is wrong with it.
 */
export async function loadPlugin(file: string | undefined): Promise<BlockDefinition[]> {
  if (file === undefined) return [];
  const path = resolve(file);
  if (!existsSync(path)) throw new UserError(`plugin=${file}: no such file`);
  if (![".js", ".mjs", ".ts", ".mts"].includes(extname(path)))
    throw new UserError(`plugin=${file}: a .js or .ts file expected`);
  const exported = await importFile(path, file);
  const blocks = Object.values(exported)
    .flat()
    .filter((value): value is BlockDefinition => isBlock(value));
  const unique = [...new Map(blocks.map((block) => [block.name, block])).values()];
  if (unique.length === 0)
    throw new UserError(`plugin=${file}: it exports no block; export const MyBlock = defineBlock({ ... }) expected`);
  return unique;
}

async function importFile(path: string, file: string): Promise<Record<string, unknown>> {
  try {
    if (path.endsWith("ts")) {
      const { createJiti } = await import("jiti");
      // One copy of the library for us and the plugin, wherever the plugin lies.
      const alias = {
        swinyolo: new URL("./index.js", import.meta.url).pathname,
        "swinyolo/graph": new URL("../graph/index.js", import.meta.url).pathname,
        "swinyolo/nn": new URL("../nn/index.js", import.meta.url).pathname,
      };
      return (await createJiti(import.meta.url, { alias, fsCache: false }).import(path)) as Record<string, unknown>;
    }
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UserError(`plugin=${file}: ${messageOf(error)}`, { cause: error });
  }
}

const isBlock = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  "args" in value &&
  typeof (value as { build?: unknown }).build === "function";
