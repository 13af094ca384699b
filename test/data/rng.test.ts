import { rng } from "swinyolo/data";
import { describe, expect, test } from "vitest";

const draws = (n: number, draw: () => number) => Array.from({ length: n }, draw);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((x) => (x - centre) ** 2)));
};

describe("random numbers of a key", () => {
  test("the same key gives the same numbers, pinned", () => {
    expect(draws(3, rng(0, 1, "sample").next)).toEqual(draws(3, rng(0, 1, "sample").next));
    expect(draws(3, rng(0).next).map((x) => x.toFixed(6))).toMatchInlineSnapshot(`
      [
        "0.905938",
        "0.278860",
        "0.993693",
      ]
    `);
  });

  test("keys that look alike give different numbers", () => {
    const keys = [
      [],
      [0],
      [1],
      [-1],
      [0.5],
      [0, 0],
      [0, 1],
      [1, 0],
      ["0"],
      [""],
      ["a", "b"],
      ["ab"],
      ["ab", ""],
      [0, "a"],
    ];
    expect(new Set(keys.map((key) => rng(...key).next())).size).toBe(keys.length);
  });

  test("a split does not depend on what was drawn before", () => {
    const a = rng(3);
    a.next();
    expect(a.split("x", 1).next()).toBe(rng(3).split("x", 1).next());
    expect(a.split("x", 1).next()).toBe(rng(3, "x", 1).next());
  });

  test("first numbers of neighbouring keys are spread evenly and do not follow one another", () => {
    const firsts = Array.from({ length: 20_000 }, (_, i) => rng(7, i).next());
    const cells = new Array<number>(20).fill(0);
    for (const x of firsts) cells[Math.floor(x * 20)]++;
    const chi2 = cells.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chi2).toBeLessThan(43.8); // 19 degrees of freedom, p = 0.001
    const products = firsts.slice(1).map((x, i) => (x - 0.5) * (firsts[i] - 0.5));
    expect(Math.abs(mean(products))).toBeLessThan(4 * (1 / 12 / Math.sqrt(20_000)));
  });

  test.each([
    ["uniform(-2, 4)", (r: ReturnType<typeof rng>) => r.uniform(-2, 4), 1, Math.sqrt(3)],
    ["normal()", (r: ReturnType<typeof rng>) => r.normal(), 0, 1],
    ["int(6)", (r: ReturnType<typeof rng>) => r.int(6), 2.5, Math.sqrt(35 / 12)],
    ["beta(32, 32)", (r: ReturnType<typeof rng>) => r.beta(32, 32), 0.5, Math.sqrt(1 / 260)],
    ["beta(0.5, 2)", (r: ReturnType<typeof rng>) => r.beta(0.5, 2), 0.2, Math.sqrt(0.16 / 3.5)],
  ])("%s has its mean and deviation", (_, draw, expected, spread) => {
    const stream = rng(1);
    const values = draws(40_000, () => draw(stream));
    expect(Math.abs(mean(values) - expected)).toBeLessThan(4.5 * (spread / 200));
    expect(deviation(values) / spread).toBeCloseTo(1, 1);
  });

  test("shuffle keeps the elements and reaches every order", () => {
    const stream = rng(5);
    const orders = new Set(Array.from({ length: 600 }, () => stream.shuffle([1, 2, 3, 4]).join("")));
    expect(orders.size).toBe(24);
    expect([...orders].every((order) => [...order].sort().join("") === "1234")).toBe(true);
    expect(["a", "b"]).toContain(stream.choice(["a", "b"]));
  });
});
