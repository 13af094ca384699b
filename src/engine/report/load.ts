/** Everything that plots, loaded at its first use: the plotting library takes half a second. */
export const loadPlots = () => import("./index.js");
