export { parseResults, type ResultsRow } from "../run/results.js";
export { type AmplitudeCurve, type AmplitudePanel, amplitudePlot } from "./amplitudePlot.js";
export { confusionPlot } from "./confusionPlot.js";
export { type CurveKind, curvePlot } from "./curvePlot.js";
export { correlogramPlot, type LabelSet, labelsPlot } from "./labelsPlot.js";
export { outlineTexts } from "./outlines.js";
export { resultsPanels, resultsPlot } from "./resultsPlot.js";
export { type TransferPoint, transferPlot } from "./transferPlot.js";
export { encodePlot, writePlot } from "./write.js";
