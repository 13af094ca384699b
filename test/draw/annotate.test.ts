import { annotate, classColour, palette, readableOn } from "swinyolo/engine";
import { describe, expect, it } from "vitest";
import { pixel, plain, touched } from "./canvas.js";

const red = [0xff, 0x38, 0x38];
const grey = [100, 100, 100];

describe("frames", () => {
  it("lie on the corners, in the class's colour, and leave the given picture alone", () => {
    const picture = plain(100, 80);
    const drawn = annotate(picture, [{ xyxy: [20, 30, 60, 70], class: 0 }], { lineWidth: 2 });
    expect(touched(drawn)).toEqual([19, 29, 61, 71]);
    expect(pixel(drawn, 19, 29)).toEqual(red);
    expect(pixel(drawn, 20, 50)).toEqual(red);
    expect(pixel(drawn, 21, 50)).toEqual(grey);
    expect(pixel(drawn, 60, 70)).toEqual(red);
    expect(touched(picture)).toBeUndefined();
  });

  it("stay inside the picture, whatever the corners", () => {
    const beyond = annotate(plain(40, 30), [{ xyxy: [-500, -20, 900, 1e9], class: 1 }], { lineWidth: 3 });
    expect(touched(beyond)).toEqual([0, 0, 40, 30]);
    expect(pixel(beyond, 20, 15)).toEqual(grey);
    expect(touched(annotate(plain(40, 30), [{ xyxy: [90, 90, 95, 95], class: 1 }]))).toEqual([39, 29, 40, 30]);
    expect(touched(annotate(plain(40, 30), [{ xyxy: [Number.NaN, 0, 9, 9], class: 1, label: "a" }]))).toBeUndefined();
  });

  it("are as wide as the picture's size asks for, two pixels at least", () => {
    const width = (w: number, h: number) => {
      const drawn = annotate(plain(w, h), [{ xyxy: [w / 4, h / 4, w / 2, h / 2], class: 0 }]);
      let n = 0;
      while (pixel(drawn, w / 4 - 20 + n, Math.round(h / 3)).join() === grey.join()) n++;
      let line = 0;
      while (pixel(drawn, w / 4 - 20 + n + line, Math.round(h / 3)).join() !== grey.join()) line++;
      return line;
    };
    expect(width(200, 100)).toBe(2);
    expect(width(1920, 1080)).toBe(5); // round((1920 + 1080 + 3) / 2 * 0.003)
  });
});

describe("labels", () => {
  const at = (xyxy: number[], options = {}) =>
    annotate(plain(200, 100), [{ xyxy, class: 0, label: "cat", confidence: 0.876 }], {
      lineWidth: 2,
      textSize: 20,
      ...options,
    });

  it("stand above the frame where they fit, else inside", () => {
    expect(touched(at([50, 40, 150, 90]))).toEqual([49, 15, 151, 91]); // 24 pixels above
    expect(touched(at([50, 10, 150, 90]))).toEqual([49, 9, 151, 91]);
    expect(pixel(at([50, 10, 150, 90]), 51, 12)).toEqual(red);
  });

  it("move left where the picture ends", () => {
    const drawn = at([180, 40, 198, 90]);
    const [left, , right] = touched(drawn)!;
    expect(right).toBe(200);
    expect(left).toBeLessThan(120);
  });

  it("can be hidden, whole or without the confidence", () => {
    const ground = (options: object) => touched(at([20, 40, 30, 90], options))![2];
    expect(ground({ hideLabels: true })).toBe(31);
    expect(ground({})).toBeGreaterThan(ground({ hideConf: true }) + 20);
    expect(ground({ decimals: 1 })).toBeLessThan(ground({}));
  });

  it("are white or dark, whichever reads better", () => {
    const inks = palette.map((colour) => (readableOn(colour)[0] > 128 ? "white" : "dark"));
    expect(inks[0]).toBe("white"); // FF3838
    expect(inks[14]).toBe("white"); // 0018EC
    expect(inks[4]).toBe("dark"); // CFD231
    const drawn = annotate(plain(200, 100), [{ xyxy: [50, 50, 150, 90], class: 4, label: "HHH" }], { textSize: 40 });
    expect(drawn.data.some((value, i) => value < 30 && i % 3 === 0)).toBe(true);
  });
});

it("colours go round", () => {
  expect(classColour(0)).toEqual(red);
  expect(classColour(20)).toEqual(red);
  expect(classColour(19)).toEqual([0xff, 0x37, 0xc7]);
});
