import type {
  BatchEvent,
  ClassifyBatch,
  ClassifyEnd,
  ClassifyEpoch,
  ClassifyEvent,
  EndEvent,
  EpochEvent,
  PretrainBatch,
  PretrainEnd,
  PretrainEpoch,
  PretrainEvent,
  Report,
  RunBatch,
  RunEnd,
  RunEpoch,
  RunStart,
  TrainEvent,
} from "../../engine/index.js";
import { colours } from "../colour.js";
import { bar, createPace, duration, type Output } from "../output.js";

/** Tells people of one event of a detector's training after the other. */
export const createDetectTalk = (output: Output): ((event: TrainEvent) => void) =>
  createTalk<BatchEvent, EpochEvent, EndEvent["best"]>(output, {
    columns: {
      box: (e) => e.box.toFixed(4),
      obj: (e) => e.obj.toFixed(4),
      cls: (e) => e.cls.toFixed(4),
      P: (e) => fixed(e.precision, 3),
      R: (e) => fixed(e.recall, 3),
      mAP50: (e) => fixed(e.map50, 3),
      "mAP50-95": (e) => fixed(e.map, 3),
    },
    underWay: (e) => ({ losses: [e.box, e.obj, e.cls], words: `${e.instances} objects  ${e.size} px` }),
    best: ({ map50, map }) => `Best mAP50 ${map50.toFixed(3)}, mAP50-95 ${map.toFixed(3)}`,
    next: predicting,
  });

/** The same of a classifier's. */
export const createClassifyTalk = (output: Output): ((event: ClassifyEvent) => void) =>
  createTalk<ClassifyBatch, ClassifyEpoch, ClassifyEnd["best"]>(output, {
    columns: {
      loss: (e) => e.loss.toFixed(4),
      "val loss": (e) => fixed(e.valLoss, 4),
      "top-1": (e) => fixed(e.top1, 3),
      "top-5": (e) => fixed(e.top5, 3),
      rate: (e) => e.lr.toExponential(1),
    },
    underWay: ofPictures,
    best: ({ top1, top5 }) => `Best top-1 ${top1.toFixed(3)}, top-5 ${top5.toFixed(3)}`,
    next: predicting,
  });

/** The same of pretraining. */
export const createPretrainTalk = (output: Output): ((event: PretrainEvent) => void) =>
  createTalk<PretrainBatch, PretrainEpoch, PretrainEnd["best"]>(output, {
    columns: {
      loss: (e) => e.loss.toFixed(4),
      "val loss": (e) => fixed(e.valLoss, 4),
      rate: (e) => e.lr.toExponential(1),
    },
    underWay: ofPictures,
    best: ({ loss }) => `Lowest validation loss ${loss.toFixed(4)}`,
    next: (weights) => `Go on with labels: swinyolo train task=classify weights=${weights} data=FOLDER`,
  });

/** What a task tells besides what every task does. */
interface TaskTalk<Batch, Epoch, Best> {
  /** Between the epoch and the speed, by their headings. */
  readonly columns: Readonly<Record<string, (epoch: Epoch) => string>>;
  readonly underWay: (batch: Batch) => { readonly losses: readonly number[]; readonly words: string };
  readonly best: (best: Best) => string;
  /** What to do with the weights. */
  readonly next: (weights: string) => string;
}

type Talked<Batch, Epoch, Best extends object> = RunStart | Report | Batch | Epoch | RunEnd<Best>;

function createTalk<Batch extends RunBatch, Epoch extends RunEpoch, Best extends object>(
  output: Output,
  { columns, underWay, best, next }: TaskTalk<Batch, Epoch, Best>,
): (event: Talked<Batch, Epoch, Best>) => void {
  const secondsAnEpoch = createPace();
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(10)).join(" ");
  const headings = ["epoch", ...Object.keys(columns), "pictures/s", "wait", "time left"];
  const cellsOf = (e: Epoch): string[] => [
    `${e.epoch}/${e.epochs}`,
    ...Object.values(columns).map((cell) => cell(e)),
    e.imagesPerSecond.toFixed(1),
    `${(e.wait * 100).toFixed(1)} %`,
    duration(secondsAnEpoch(e) * (e.epochs - e.epoch)),
  ];
  const progressLine = (e: Batch): string => {
    const { losses, words } = underWay(e);
    const cells = [`${e.epoch}/${e.epochs}`, ...losses.map((loss) => loss.toFixed(4))];
    return `${row(cells)}  ${bar(e.step / e.steps)} ${e.step}/${e.steps}  ${words}  ${duration(e.secondsLeft)} left`;
  };
  return (event) => {
    switch (event.type) {
      case "report":
        output.note(event.message);
        break;
      case "start":
        output.line(startLine(event));
        if (event.resumedFrom !== undefined) output.line(`Going on after epoch ${event.resumedFrom}.`);
        output.line(colours.dim(row(headings)));
        break;
      case "batch":
        output.progress(progressLine(event));
        break;
      case "epoch":
        output.line(row(cellsOf(event)));
        break;
      case "end":
        output.line("");
        output.line(`${best(event.best)} in epoch ${event.best.epoch}.`);
        output.line(`Weights: ${colours.bold(event.weights)}`);
        output.line(next(event.weights));
        break;
    }
  };
}

function startLine({ images, classes, batches, parameters, recipe, run }: RunStart): string {
  const pictures = `${images} pictures${classes === undefined ? "" : ` of ${classes} classes`}`;
  const by = recipe === undefined ? "" : `, recipe ${recipe}`;
  return `${pictures}, ${batches} batches an epoch, ${parameters.toLocaleString("en")} parameters${by}; into ${run}`;
}

function ofPictures({ loss, size, imagesPerSecond }: ClassifyBatch | PretrainBatch) {
  return { losses: [loss], words: `${size} px  ${imagesPerSecond.toFixed(1)} pictures/s` };
}

function predicting(weights: string): string {
  return `Try them: swinyolo predict weights=${weights} source=PICTURES`;
}

const fixed = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? "-";
