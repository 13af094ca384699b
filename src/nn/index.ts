export * from "./init.js";
export * from "./module.js";
export * from "./losses/assign.js";
export * from "./losses/iou.js";
export * from "./losses/yolov5.js";
export * from "./optim/schedule.js";
export * from "./optim/update.js";
