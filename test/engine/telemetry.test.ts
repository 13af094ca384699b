import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { root } from "../paths.js";

// Runs a model in a process whose home and temporary folder are empty.
const script = `
const [engine, graph] = await Promise.all(["engine", "graph"].map((part) => import("${pathToFileURL(root)}/dist/" + part + "/index.js")));
const x = graph.input([2]);
const program = await graph.compile(await engine.loadRuntime(), graph.graph({ x }, { y: graph.add(x, x) }));
const { data } = (await program.run(new Map([["x", graph.hostArray("float32", [2], Float32Array.of(1, 2))]]))).get("y");
await program.release();
process.stdout.write(data.join());
`;

test("ONNX Runtime leaves no traces of telemetry", () => {
  const home = mkdtempSync(join(tmpdir(), "swinyolo-telemetry-"));
  try {
    const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
    const places = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, ".cache"), LOCALAPPDATA: home };
    const args = ["--input-type=module", "--eval", script];
    const said = execFileSync(process.execPath, args, { cwd: home, env: { ...env, ...places }, encoding: "utf8" });
    expect(said).toBe("2,4");
    expect(readdirSync(home, { recursive: true })).toEqual([]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("only one file loads ONNX Runtime", () => {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((f) =>
    f.endsWith(".ts"),
  );
  const loading = sources.filter((file) =>
    /(import\(|from |require\()\s*"onnxruntime-/.test(readFileSync(join(root, "src", file), "utf8")),
  );
  expect(loading).toEqual([join("engine", "runtime.ts")]);
});
