import {
  add,
  atan,
  div,
  max,
  min,
  mul,
  scalar,
  slice,
  square,
  stopGradient,
  sub,
  type Tensor,
} from "../../graph/index.js";

export type IouKind = "IoU" | "GIoU" | "DIoU" | "CIoU";

export interface IouOptions {
  readonly kind?: IouKind;
  /** cx, cy, w, h instead of x1, y1, x2, y2. */
  readonly xywh?: boolean;
  readonly eps?: number;
}

/**
 * Overlap of boxes row by row: a, b [n, 4] -> [n, 1]. `kind` takes the enclosing box (GIoU), the distance of centres (DIoU)
 * or that and the shapes (CIoU, its alpha without gradient) into account. Formulas: arXiv 1902.09630, 1911.08287.
 */
export function boxIou(a: Tensor, b: Tensor, { kind = "IoU", xywh = true, eps = 1e-7 }: IouOptions = {}): Tensor {
  const [p, q] = [corners(a, xywh, eps), corners(b, xywh, eps)];
  const small = scalar(eps);
  const none = scalar(0);
  const wide = max(sub(min(p.x2, q.x2), max(p.x1, q.x1)), none);
  const high = max(sub(min(p.y2, q.y2), max(p.y1, q.y1)), none);
  const intersection = mul(wide, high);
  const union = add(sub(add(mul(p.w, p.h), mul(q.w, q.h)), intersection), small);
  const iou = div(intersection, union);
  if (kind === "IoU") return iou;
  const cw = sub(max(p.x2, q.x2), min(p.x1, q.x1));
  const ch = sub(max(p.y2, q.y2), min(p.y1, q.y1));
  if (kind === "GIoU") {
    const hull = add(mul(cw, ch), small);
    return sub(iou, div(sub(hull, union), hull));
  }
  const diagonal = add(add(square(cw), square(ch)), small);
  const dx = sub(add(q.x1, q.x2), add(p.x1, p.x2));
  const dy = sub(add(q.y1, q.y2), add(p.y1, p.y2));
  const distance = div(mul(add(square(dx), square(dy)), scalar(0.25)), diagonal);
  if (kind === "DIoU") return sub(iou, distance);
  const angle = sub(atan(div(q.w, q.h)), atan(div(p.w, p.h)));
  const v = mul(square(angle), scalar(4 / Math.PI ** 2));
  const alpha = stopGradient(div(v, add(sub(v, iou), scalar(1 + eps))));
  return sub(iou, add(distance, mul(v, alpha)));
}

// Corner boxes get eps on their heights, as the reference has it.
function corners(box: Tensor, xywh: boolean, eps: number) {
  const [c0, c1, c2, c3] = [0, 1, 2, 3].map((i) => slice(box, { axes: [1], starts: [i], ends: [i + 1] }));
  if (!xywh) return { x1: c0, y1: c1, x2: c2, y2: c3, w: sub(c2, c0), h: add(sub(c3, c1), scalar(eps)) };
  const [halfW, halfH] = [mul(c2, scalar(0.5)), mul(c3, scalar(0.5))];
  return { x1: sub(c0, halfW), y1: sub(c1, halfH), x2: add(c0, halfW), y2: add(c1, halfH), w: c2, h: c3 };
}
