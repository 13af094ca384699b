import { parseHTML } from "linkedom";
import { type Face, textPath, textWidth } from "../draw/text.js";

/** The SVG with every text as outlines, so that drawing it needs no font. */
export function outlineTexts(svg: string): string {
  const { document } = parseHTML(`<!doctype html><html><body>${svg}</body></html>`);
  for (const text of document.querySelectorAll("text")) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const { name, value } of text.attributes) if (kept.has(name)) path.setAttribute(name, value);
    path.setAttribute("d", linesOf(text).map(pathOf).join(""));
    text.replaceWith(path);
  }
  return document.querySelector("svg")!.outerHTML;
}

const kept = new Set(["transform", "fill", "fill-opacity", "opacity", "stroke", "stroke-width", "stroke-opacity"]);

interface Line {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly anchor: string;
  readonly face: Face;
}

// A text's own words, or those of each tspan, which stands at its own x and below the one before by dy.
function linesOf(text: Element): Line[] {
  const size = Number.parseFloat(inherited(text, "font-size") ?? "12");
  const length = (element: Element, name: string): number | undefined => {
    const value = element.getAttribute(name);
    if (value === null) return undefined;
    return Number.parseFloat(value) * (value.endsWith("em") ? size : 1);
  };
  const anchor = inherited(text, "text-anchor") ?? "start";
  const weight = inherited(text, "font-weight") ?? "400";
  const face: Face = weight === "bold" || Number.parseFloat(weight) >= 500 ? "medium" : "regular";
  const spans = [...text.querySelectorAll("tspan")];
  const style = { size, anchor, face };
  const [startX, startY] = [length(text, "x") ?? 0, length(text, "y") ?? 0];
  if (spans.length === 0) {
    const place = { x: startX + (length(text, "dx") ?? 0), y: startY + (length(text, "dy") ?? 0) };
    return [{ ...style, ...place, text: text.textContent ?? "" }];
  }
  let y = startY;
  return spans.map((span) => {
    y = (length(span, "y") ?? y) + (length(span, "dy") ?? 0);
    return { ...style, x: length(span, "x") ?? startX, y, text: span.textContent ?? "" };
  });
}

function pathOf({ text, x, y, size, anchor, face }: Line): string {
  const width = textWidth(text, { size, face });
  const left = anchor === "middle" ? x - width / 2 : anchor === "end" ? x - width : x;
  return textPath(text, { x: left, y, size, face });
}

function inherited(element: Element | null, name: string): string | undefined {
  for (let at = element; at; at = at.parentElement) {
    const value = at.getAttribute(name);
    if (value !== null) return value;
  }
  return undefined;
}
