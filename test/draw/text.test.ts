import { drawText, fitText, textPath, textWidth } from "swinyolo/engine";
import { describe, expect, it } from "vitest";
import { pixel, plain, touched } from "./canvas.js";

describe("text", () => {
  it("is as wide as its letters", () => {
    expect(textWidth("HH", { size: 40 })).toBeCloseTo(2 * textWidth("H", { size: 40 }), 9);
    expect(textWidth("H", { size: 40 })).toBeCloseTo(4 * textWidth("H", { size: 10 }), 9);
    expect(textWidth("", { size: 40 })).toBe(0);
    expect(textWidth("0123", { size: 12 })).toBeCloseTo(textWidth("8888", { size: 12 }), 9);
  });

  it("stands on its baseline, capitals 0.711 em high", () => {
    const picture = plain(120, 120);
    drawText(picture, "H", { x: 20, y: 110, size: 100, colour: [255, 255, 255] });
    const [left, top, right, bottom] = touched(picture)!;
    expect([top, bottom]).toEqual([38, 110]);
    expect(left).toBeGreaterThan(20);
    expect(right).toBeLessThan(20 + textWidth("H", { size: 100 }));
    expect(pixel(picture, left + 5, 70)).toEqual([255, 255, 255]); // the stem is solid
  });

  it("covers the area of its outline", () => {
    // A period is a nearly round dot: its ink is the same wherever it falls between the pixels.
    const ink = (shift: number) => {
      const picture = plain(60, 60, 0);
      drawText(picture, ".", { x: 20 + shift, y: 40 + shift, size: 60, colour: [255, 255, 255] });
      return picture.data.reduce((sum, value) => sum + value, 0) / 765;
    };
    const whole = ink(0);
    expect(whole).toBeGreaterThan(40);
    for (const shift of [0.25, 0.5, 0.9]) expect(Math.abs(ink(shift) - whole)).toBeLessThan(0.5);
  });

  it("of many alphabets has letters of its own, of others boxes", () => {
    const path = (text: string) => textPath(text, { x: 0, y: 0, size: 10 });
    const box = path("\u65e5");
    for (const letter of "A\u00e9\u00df\u20ac\u017e\u0141\u03a9\u0436\u00bd") expect(path(letter)).not.toBe(box);
    expect(path("\u{1f600}")).toBe(box);
    expect(path("e\u0301")).toBe(path("é"));
    expect(path("a\u200bb\ufe0f")).toBe(path("ab"));
    expect(path("a\nb")).toBe(path("a b"));
  });

  it("may begin outside of the picture", () => {
    const picture = plain(20, 20);
    expect(() => drawText(picture, "Wide text", { x: -30, y: 5, size: 30, colour: [0, 0, 0] })).not.toThrow();
    expect(touched(picture)).toBeDefined();
  });

  it("is cut with an ellipsis", () => {
    expect(fitText("short", 500, { size: 12 })).toBe("short");
    const cut = fitText("a very long name of a class", 80, { size: 12 });
    expect(cut).toMatch(/^a very.*…$/);
    expect(textWidth(cut, { size: 12 })).toBeLessThanOrEqual(80);
  });
});
