import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { decodePicture } from "swinyolo/data";
import { Detector, exportModel, readModelFile } from "swinyolo/engine";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasShared, root, shared } from "../paths.js";
import { runtime } from "../runtime.js";
import type { PageTest } from "./page/main.js";
import { fiveSteps } from "./page/steps.js";

const chromiumFile = "/usr/bin/chromium";
const hasChromium = existsSync(chromiumFile);
if (!hasChromium) console.log(`page tests are skipped: ${chromiumFile} is missing (Debian's chromium package)`);

const folder = mkdtempSync(join(tmpdir(), "swinyolo-page-"));
const site = join(folder, "site");
const onnx = join(site, "detector.onnx");
const bus = shared("images", "bus.jpg");
const { yaml } = readModelFile("yolov5n-swinv2");

describe.skipIf(!hasChromium)("in a page", () => {
  const server = createServer((request, response) => {
    const file = join(site, normalize(new URL(request.url ?? "/", "http://localhost").pathname));
    if (!existsSync(file)) return response.writeHead(404).end();
    // Threads of WebAssembly need the page to be isolated.
    const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
    const type = types[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { ...isolated, "Content-Type": type }).end(readFileSync(file));
  });
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const options = { root: join(root, "test", "webgpu", "page"), logLevel: "error", configFile: false } as const;
    // The threads of ONNX Runtime load its own files, not the page's.
    const conditions = ["onnxruntime-web-use-extern-wasm", "module", "browser"];
    await build({
      ...options,
      resolve: { conditions },
      base: "./",
      build: { outDir: site, emptyOutDir: true, target: "es2022", minify: false },
    });
    mkdirSync(join(site, "ort"));
    for (const kind of ["mjs", "wasm"]) {
      const file = `ort-wasm-simd-threaded.asyncify.${kind}`;
      copyFileSync(join(root, "node_modules", "onnxruntime-web", "dist", file), join(site, "ort", file));
    }
    writeFileSync(join(site, "model.json"), JSON.stringify(yaml));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    browser = await chromium.launch({ executablePath: chromiumFile, args: flags });
    page = await browser.newPage();
    page.on("pageerror", (error) => console.error(error.message));
    page.on("console", (message) => console.log(message.text()));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
    await page.waitForFunction(() => "pageTest" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const device of ["cpu", "webgpu"]) {
    test(`five training steps on ${names[device]} have the losses of Node`, async () => {
      const expected = await fiveSteps(await runtime(), yaml, "cpu");
      const losses = await page.evaluate((d) => (window as unknown as Window).pageTest.train(d), device);
      losses.forEach((loss, i) => {
        expect(Math.abs(loss / expected[i] - 1)).toBeLessThan(1e-3);
      });
      expect(expected[4]).toBeLessThan(expected[0]);
    });

    test.skipIf(!hasShared)(`an exported file on ${names[device]} has the detections of Node`, async () => {
      await exportModel({ weights: shared("weights", "yolov5n.pt"), imgsz: 160, out: onnx });
      const picture = await decodePicture(readFileSync(bus));
      writeFileSync(join(site, "picture.rgb"), picture.data);
      writeFileSync(join(site, "picture.json"), JSON.stringify({ width: picture.width, height: picture.height }));
      const detector = await Detector.load(onnx);
      const [{ boxes: expected }] = await detector.predict(picture);
      await detector.release();
      const boxes = await page.evaluate((d) => (window as unknown as Window).pageTest.detect(d), device);
      expect(expected.length).toBeGreaterThan(2);
      expect(boxes.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
      boxes.forEach(({ confidence, xyxy }, i) => {
        expect(Math.abs(confidence - expected[i].confidence)).toBeLessThan(1e-3);
        xyxy.forEach((value, side) => {
          expect(Math.abs(value - expected[i].xyxy[side])).toBeLessThan(0.5);
        });
      });
    });
  }
});

interface Window {
  readonly pageTest: PageTest;
}

const names: Record<string, string> = { cpu: "WebAssembly", webgpu: "WebGPU" };
const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const flags = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-vulkan=swiftshader",
  "--enable-features=Vulkan,WebGPU",
  "--ignore-gpu-blocklist",
];
