"""The detection loss of YOLOv5."""

import math

import torch
from torch.nn import functional as F

# Which neighbour cells get a target too: centre, left, up, right, down.
neighbours = torch.tensor([[0, 0], [0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]])


def assign(targets, anchors, shape, anchor_t):
    """Rows of image, class, cx, cy, w, h on a level [h, w]: class, box, place and anchor of every match."""
    h, w = shape
    size = torch.tensor([w, h], dtype=torch.float32)
    xy, wh = targets[:, 2:4] * size, targets[:, 4:6] * size
    ratio = wh[None] / anchors[:, None]
    anchor, row = (torch.max(ratio, 1 / ratio).amax(2) < anchor_t).nonzero(as_tuple=True)
    xy, wh = xy[row], wh[row]
    back = size - xy
    left, up = ((xy % 1 < 0.5) & (xy > 1)).T
    right, down = ((back % 1 < 0.5) & (back > 1)).T
    which, match = torch.stack((torch.ones_like(left), left, up, right, down)).nonzero(as_tuple=True)
    xy, wh, anchor, row = xy[match], wh[match], anchor[match], row[match]
    cell = (xy - neighbours[which]).long()
    column, line = cell[:, 0].clamp(0, w - 1), cell[:, 1].clamp(0, h - 1)
    box = torch.cat((xy - torch.stack((column, line), 1), wh), 1)
    return targets[row, 1].long(), box, (targets[row, 0].long(), anchor, line, column), anchors[anchor]


def complete_iou(a, b, eps=1e-7):
    """CIoU of boxes cx, cy, w, h, row by row."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.unbind(1), b.unbind(1)
    a1, a2, a3, a4 = ax - aw / 2, ay - ah / 2, ax + aw / 2, ay + ah / 2
    b1, b2, b3, b4 = bx - bw / 2, by - bh / 2, bx + bw / 2, by + bh / 2
    overlap = (torch.min(a3, b3) - torch.max(a1, b1)).clamp(0) * (torch.min(a4, b4) - torch.max(a2, b2)).clamp(0)
    iou = overlap / (aw * ah + bw * bh - overlap + eps)
    width, height = torch.max(a3, b3) - torch.min(a1, b1), torch.max(a4, b4) - torch.min(a2, b2)
    distance = ((ax - bx) ** 2 + (ay - by) ** 2) / (width**2 + height**2 + eps)
    v = 4 / math.pi**2 * (torch.atan(bw / bh) - torch.atan(aw / ah)) ** 2
    with torch.no_grad():
        alpha = v / (v - iou + 1 + eps)
    return iou - (distance + v * alpha)


def detection_loss(maps, targets, anchors, options):
    """The loss times the batch size, and its three parts."""
    box = obj = cls = torch.zeros(())
    gains = options["loss"]
    for level, raw in enumerate(maps):
        classes, wanted, place, sides = assign(targets, anchors[level], raw.shape[2:4], options["anchorT"])
        objectness = torch.zeros(raw.shape[:4])
        if len(classes) > 0:
            found = raw[place]
            xy = found[:, 0:2].sigmoid() * 2 - 0.5
            wh = (found[:, 2:4].sigmoid() * 2) ** 2 * sides
            iou = complete_iou(torch.cat((xy, wh), 1), wanted)
            box = box + (1 - iou).mean()
            objectness[place] = iou.detach().clamp(0)
            if found.shape[1] > 6:
                truth = torch.zeros_like(found[:, 5:])
                truth[torch.arange(len(classes)), classes] = 1
                cls = cls + F.binary_cross_entropy_with_logits(found[:, 5:], truth)
        obj = obj + F.binary_cross_entropy_with_logits(raw[..., 4], objectness) * options["balance"][level]
    parts = torch.stack((box * gains["box"], obj * gains["obj"], cls * gains["cls"]))
    return parts.sum() * maps[0].shape[0], parts
