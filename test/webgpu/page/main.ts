import * as ort from "onnxruntime-web/webgpu";
import { type Box, detect, type graph, onnxBackend } from "swinyolo/browser";
import { fiveSteps } from "./steps.js";

ort.env.wasm.numThreads = 2;
ort.env.wasm.wasmPaths = "/ort/";
const runtime = ort as unknown as graph.Runtime;
const contents = async (url: string): Promise<Uint8Array<ArrayBuffer>> => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
};

/** What the test calls in the page. */
export interface PageTest {
  train(device: string): Promise<number[]>;
  detect(device: string): Promise<readonly Box[]>;
}

const pageTest: PageTest = {
  train: async (device) =>
    fiveSteps(runtime, JSON.parse(new TextDecoder().decode(await contents("/model.json"))) as object, device),
  async detect(device) {
    const backend = await onnxBackend(
      runtime,
      { bytes: await contents("/detector.onnx"), name: "detector.onnx" },
      { device },
    );
    const { width, height } = JSON.parse(new TextDecoder().decode(await contents("/picture.json"))) as Size;
    const picture = { width, height, data: await contents("/picture.rgb") };
    const { boxes } = await detect(backend, picture, { imgsz: [160, 160] });
    await backend.release();
    return boxes;
  },
};

interface Size {
  readonly width: number;
  readonly height: number;
}

Object.assign(window, { pageTest });
