import { build } from "esbuild";
import { expect, test } from "vitest";
import { root } from "../paths.js";

test("the browser entry bundles without node: imports", async () => {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ["dist/browser/index.js"],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    metafile: true,
  });
  const imports = Object.values(result.metafile.inputs).flatMap((file) => file.imports.map(({ path }) => path));
  expect(imports.filter((path) => path.startsWith("node:"))).toEqual([]);
  expect(result.outputFiles[0].text.length).toBeGreaterThan(50_000);
});
