import type { PretrainEpoch, PretrainEvent } from "../../engine/index.js";
import { colours } from "../colour.js";
import { createPace, duration, type Output } from "../output.js";
import { progressLine } from "./trainClassify.js";

const columns = ["epoch", "loss", "val loss", "rate", "pictures/s", "wait", "time left"];

/** Tells people of one event of pretraining after the other. */
export function createPretrainTalk(output: Output): (event: PretrainEvent) => void {
  const secondsAnEpoch = createPace();
  return (event) => {
    switch (event.type) {
      case "report":
        output.note(event.message);
        break;
      case "start":
        output.line(
          `${event.images} pictures, ${event.batches} batches an epoch, ${event.parameters.toLocaleString("en")} parameters, recipe ${event.recipe}; into ${event.run}`,
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
        output.line(`Lowest validation loss ${event.best.loss.toFixed(4)} in epoch ${event.best.epoch}.`);
        output.line(`Weights: ${colours.bold(event.weights)}`);
        output.line(`Go on with labels: swinyolo train task=classify weights=${event.weights} data=FOLDER`);
        break;
    }
  };
}

const epochLine = (e: PretrainEpoch, each: number): string =>
  [
    `${e.epoch}/${e.epochs}`,
    e.loss.toFixed(4),
    e.valLoss?.toFixed(4) ?? "-",
    e.lr.toExponential(1),
    e.imagesPerSecond.toFixed(1),
    `${(e.wait * 100).toFixed(1)} %`,
    duration(each * (e.epochs - e.epoch)),
  ]
    .map((cell) => cell.padStart(10))
    .join(" ");
