export * from "./init.js";
export * from "./module.js";
