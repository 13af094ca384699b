export { type AnnotateOptions, annotate, type DrawnBox, drawBoxes } from "./annotate.js";
export { classGrid, writeLines } from "./classes.js";
export { type CropOptions, crop } from "./crop.js";
export { type BatchGridOptions, batchGrid, type GridCell, type GridOptions, grid } from "./grid.js";
export { type Colour, readableOn } from "./paint.js";
export { classColour, palette } from "./palette.js";
export { sheet } from "./sheet.js";
export { drawText, fitText, type TextStyle, textPath, textWidth } from "./text.js";
