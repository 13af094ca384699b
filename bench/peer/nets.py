"""The detectors of the bench in PyTorch, built from the resolved rows of a model; weight names are the checkpoint's."""

import torch
from torch import nn

from swin import SwinBlocks


def autopad(k, d):
    return (d * (k - 1) + 1) // 2


class Conv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, d=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, s, autopad(k, d) if p is None else p, groups=g, dilation=d, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True) if act is True else nn.Identity()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, c1, c2, shortcut=True, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden)
        self.cv2 = Conv(hidden, c2, 3, g=g)
        self.add = shortcut and c1 == c2

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    def __init__(self, c1, c2, n=1, shortcut=True, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden)
        self.cv2 = Conv(c1, hidden)
        self.cv3 = Conv(2 * hidden, c2)
        self.m = nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, g, e=1.0) for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class SPPF(nn.Module):
    def __init__(self, c1, c2, k=5):
        super().__init__()
        self.cv1 = Conv(c1, c1 // 2)
        self.cv2 = Conv(c1 // 2 * 4, c2)
        self.m = nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x):
        levels = [self.cv1(x)]
        for _ in range(3):
            levels.append(self.m(levels[-1]))
        return self.cv2(torch.cat(levels, 1))


class SwinV2_CSPB(nn.Module):
    def __init__(self, c1, c2, n=1, shortcut=False, g=1, e=0.5, window=7, pretrained_window=0):
        super().__init__()
        assert pretrained_window == 0, "offsets are those of the window itself"
        self.cv1 = Conv(c1, c2)
        self.cv2 = Conv(c2, c2)
        self.cv3 = Conv(2 * c2, c2)
        self.m = SwinBlocks(c2, c2 // 32, n, window)

    def forward(self, x):
        y = self.cv1(x)
        return self.cv3(torch.cat((self.m(y), self.cv2(y)), 1))


class Concat(nn.Module):
    def __init__(self, dimension=1):
        super().__init__()
        self.dimension = dimension

    def forward(self, xs):
        return torch.cat(xs, self.dimension)


class Detect(nn.Module):
    """Raw maps [b, anchors, h, w, 5 + classes] of every level."""

    def __init__(self, nc, anchors, ch, inplace=True):
        super().__init__()
        self.count = len(anchors[0]) // 2
        self.m = nn.ModuleList(nn.Conv2d(c, self.count * (nc + 5), 1) for c in ch)
        self.register_buffer("anchors", torch.zeros(len(anchors), self.count, 2))
        self.grids = {}

    def forward(self, xs):
        maps = []
        for conv, x in zip(self.m, xs):
            y = conv(x)
            b, _, h, w = y.shape
            maps.append(y.view(b, self.count, -1, h, w).permute(0, 1, 3, 4, 2).contiguous())
        return maps

    def decode(self, maps, strides):
        """Rows [b, n, 5 + classes] of cx, cy, w, h in pixels and scores."""
        rows = []
        for level, (raw, stride) in enumerate(zip(maps, strides)):
            y = raw.sigmoid()
            xy, wh, scores = y.split((2, 2, y.shape[-1] - 4), 4)
            grid, anchors = self.grid(level, raw.shape, stride)
            xy = (xy * 2 + grid) * stride
            wh = (wh * 2) ** 2 * anchors
            rows.append(torch.cat((xy, wh, scores), 4).view(raw.shape[0], -1, raw.shape[-1]))
        return torch.cat(rows, 1)

    def grid(self, level, shape, stride):
        key = (level, shape)
        if key not in self.grids:
            h, w = shape[2:4]
            rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            grid = torch.stack((columns, rows), 2).float() - 0.5
            self.grids[key] = grid, (self.anchors[level] * stride).view(1, self.count, 1, 1, 2)
        return self.grids[key]


modules = {
    "Conv": Conv,
    "C3": C3,
    "SPPF": SPPF,
    "SwinV2_CSPB": SwinV2_CSPB,
    "Concat": Concat,
    "nn.Upsample": nn.Upsample,
    "Detect": Detect,
}


class Model(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.sources = [layer["from"] for layer in layers]
        self.saved = {
            index if index >= 0 else at + index
            for at, source in enumerate(self.sources)
            for index in (source if isinstance(source, list) else [source])
            if index != -1
        }
        self.model = nn.ModuleList(modules[layer["module"]](**layer["args"]) for layer in layers)

    def forward(self, x):
        saved = {}
        for at, (source, layer) in enumerate(zip(self.sources, self.model)):
            if isinstance(source, list):
                x = [x if index == -1 else saved[index % at] for index in source]
            elif source != -1:
                x = saved[source % at]
            x = layer(x)
            if at in self.saved:
                saved[at] = x
        return x

    @property
    def head(self):
        return self.model[-1]


def load(model, tensors):
    """The model takes over all weights; anything missing or left over is an error."""
    derived = ("relative_coords_table", "relative_position_index", "attn_mask")
    own = model.state_dict()
    given = {name: value for name, value in tensors.items() if not name.endswith(derived)}
    if own.keys() != given.keys():
        raise ValueError(f"weights differ: {sorted(own.keys() ^ given.keys())[:5]}")
    model.load_state_dict(given)


def fold_batch_norms(model):
    """Batch norms go into the convolutions before them, for inference."""
    for module in model.modules():
        if not isinstance(module, Conv) or isinstance(module.bn, nn.Identity):
            continue
        conv, bn = module.conv, module.bn
        factor = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        conv.weight = nn.Parameter((conv.weight * factor.view(-1, 1, 1, 1)).detach(), requires_grad=False)
        conv.bias = nn.Parameter((bn.bias - bn.running_mean * factor).detach(), requires_grad=False)
        module.bn = nn.Identity()
