// A stranger's program against the packed package: it must compile under strict TypeScript and run.
import { Detector, exportModel, train, val } from "swinyolo";

const [weights, picture, data] = process.argv.slice(2);

const d = await Detector.load(weights);
const [r] = await d.predict(picture);
for (const b of r.boxes) console.log(b.name, b.confidence, b.xyxy);
const shape: readonly [number, number, number, number] | undefined = r.boxes[0]?.xyxy;
console.log(shape?.length ?? 0);

if (data) {
  for await (const e of train({ model: "yolov5n-swinv2.yaml", data, epochs: 1, imgsz: 64, batch: 2, workers: 0 })) {
    if (e.type === "epoch") console.log(e.map50);
    if (e.type === "end") {
      const m = await val({ weights: e.weights, data, imgsz: 64 });
      console.log(m.map50, m.map);
      const { file } = await exportModel({ weights: e.weights, format: "onnx", imgsz: 64 });
      const exported = await Detector.load(file);
      await exported.predict(picture);
    }
  }
}
console.log("done");
