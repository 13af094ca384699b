import type { ClassifyBatch, ClassifyEpoch, ClassifyEvent, PretrainBatch } from "../../engine/index.js";
import { colours } from "../colour.js";
import { bar, createPace, duration, type Output } from "../output.js";

const columns = ["epoch", "loss", "val loss", "top-1", "top-5", "rate", "pictures/s", "wait", "time left"];

/** Tells people of one event of a classifier's training after the other. */
export function createClassifyTalk(output: Output): (event: ClassifyEvent) => void {
  const secondsAnEpoch = createPace();
  return (event) => {
    switch (event.type) {
      case "report":
        output.note(event.message);
        break;
      case "start":
        output.line(
          `${event.images} pictures of ${event.classes} classes, ${event.batches} batches an epoch, ${event.parameters.toLocaleString("en")} parameters, recipe ${event.recipe}; into ${event.run}`,
        );
        if (event.resumedFrom !== undefined) output.line(`Going on after epoch ${event.resumedFrom}.`);
        output.line(colours.dim(columns.map((name) => name.padStart(10)).join(" ")));
        break;
      case "batch":
        output.progress(progressLine(event));
        break;
      case "epoch":
        output.line(epochLine(event, secondsAnEpoch(event)));
        break;
      case "end":
        output.line("");
        output.line(
          `Best top-1 ${event.best.top1.toFixed(3)}, top-5 ${event.best.top5.toFixed(3)} in epoch ${event.best.epoch}.`,
        );
        output.line(`Weights: ${colours.bold(event.weights)}`);
        output.line(`Try them: swinyolo predict weights=${event.weights} source=PICTURES`);
        break;
    }
  };
}

/** The line of an epoch under way. */
export const progressLine = (e: ClassifyBatch | PretrainBatch): string =>
  `${`${e.epoch}/${e.epochs}`.padStart(10)} ${e.loss.toFixed(4).padStart(10)}  ${bar(e.step / e.steps)} ${e.step}/${e.steps}  ${e.size} px  ${e.imagesPerSecond.toFixed(1)} pictures/s  ${duration(e.secondsLeft)} left`;

const epochLine = (e: ClassifyEpoch, each: number): string =>
  [
    `${e.epoch}/${e.epochs}`,
    e.loss.toFixed(4),
    e.valLoss?.toFixed(4) ?? "-",
    e.top1?.toFixed(3) ?? "-",
    e.top5?.toFixed(3) ?? "-",
    e.lr.toExponential(1),
    e.imagesPerSecond.toFixed(1),
    `${(e.wait * 100).toFixed(1)} %`,
    duration(each * (e.epochs - e.epoch)),
  ]
    .map((cell) => cell.padStart(10))
    .join(" ");
