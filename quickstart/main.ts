import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Detector, type EpochEvent, exportModel, predict, train, val } from "swinyolo";
import { makePictures } from "./pictures.js";

/** Everything below is the library's public interface; copy it. */
async function main(): Promise<void> {
  const started = performance.now();
  const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`;
  const folder = join("runs", "quickstart");
  const seed = Number(process.env.SWINYOLO_SEED ?? 0);

  say(`1. Drawing ${counts.train + counts.val} labelled pictures ...`);
  const { data, names } = await makePictures(join(folder, "pictures"), { ...counts, size: 256, seed: 0 });
  say(`   ${names.join(", ")}: ${dirname(data)} (${seconds()})`);

  say(`2. Training a nano detector with Swin V2 blocks, ${preset.epochs} epochs at ${preset.imgsz} px ...`);
  let run = "";
  let weights = "";
  for await (const event of train({
    model: here("model.yaml"),
    data,
    hyp: here("hyp.yaml"),
    project: folder,
    name: "train",
    seed,
    ...preset,
  })) {
    if (event.type === "epoch") say(epochLine(event));
    if (event.type === "end") [run, weights] = [event.run, event.weights];
  }

  say("3. Validating the best weights ...");
  const scores = await val({ weights, data, imgsz: preset.imgsz });
  say(
    `   mAP50 ${scores.map50.toFixed(3)}, mAP50-95 ${scores.map.toFixed(3)} on ${scores.images} pictures (${seconds()})`,
  );

  say("4. Detecting on validation pictures ...");
  const source = join(dirname(data), "images", "val");
  let drawn = "";
  for await (const { run: written } of predict({
    weights,
    source: join(source, "*0.*"),
    imgsz: preset.imgsz,
    project: folder,
    name: "predict",
  }))
    drawn = written ?? "";

  say("5. Exporting to ONNX and running that ...");
  const { file, megabytes } = await exportModel({ weights, imgsz: preset.imgsz });
  const pictures = readdirSync(source)
    .slice(0, 20)
    .map((name) => join(source, name));
  const same = await compare(weights, file, pictures);

  say("");
  say(`mAP50 ${scores.map50.toFixed(3)}  mAP50-95 ${scores.map.toFixed(3)}`);
  say(`The exported file (${megabytes.toFixed(1)} MB) finds the same ${same} objects in ${pictures.length} pictures.`);
  say(`Look at   ${relative(".", drawn)}      what it sees`);
  say(`          ${relative(".", run)}        curves and weights`);
  say(`          ${relative(".", file)}`);
  say(`Your own pictures: npx swinyolo predict weights=${relative(".", weights)} source=PICTURES`);
  say(`Done in ${seconds()}.`);
}

const counts = { train: 600, val: 150 };

/** Small data, few minutes: small pictures, a step after every batch, a short warm-up. */
const preset = {
  epochs: 18,
  imgsz: 192,
  batch: 16,
  nbs: 16,
  optimizer: "Adam",
  preset: "none",
  workers: 1,
  cache: "ram",
  patience: 0,
} as const;

const here = (name: string): string => fileURLToPath(new URL(`../../quickstart/${name}`, import.meta.url));

const say = (text: string): void => console.log(text);

const epochLine = (e: EpochEvent): string =>
  `   epoch ${String(e.epoch).padStart(2)}/${e.epochs}  box ${e.box.toFixed(3)}  obj ${e.obj.toFixed(3)}  cls ${e.cls.toFixed(3)}  mAP50 ${(e.map50 ?? 0).toFixed(3)}  mAP50-95 ${(e.map ?? 0).toFixed(3)}  ${e.imagesPerSecond.toFixed(0)} pictures/s`;

/** How many objects both find; throws where they differ. */
async function compare(weights: string, exported: string, pictures: readonly string[]): Promise<number> {
  const [ours, onnx] = [await Detector.load(weights), await Detector.load(exported)];
  let objects = 0;
  for (const picture of pictures) {
    const options = { imgsz: preset.imgsz, rect: false };
    const [[a], [b]] = [await ours.predict(picture, options), await onnx.predict(picture, options)];
    const equal =
      a.boxes.length === b.boxes.length &&
      a.boxes.every(
        (box, i) => box.class === b.boxes[i].class && Math.abs(box.confidence - b.boxes[i].confidence) < 1e-3,
      );
    if (!equal) throw new Error(`${picture}: the exported file finds something else`);
    objects += a.boxes.length;
  }
  return objects;
}

await main();
