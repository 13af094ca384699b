import { makePictures } from "./pictures.js";

/** `draw.js FOLDER [TRAIN] [VAL]`: the quickstart's pictures alone. */
const [folder = "pictures", train = "600", val = "150"] = process.argv.slice(2);
const { data } = await makePictures(folder, { train: Number(train), val: Number(val), size: 256, seed: 0 });
console.log(data);
