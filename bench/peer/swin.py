"""Swin Transformer V2 blocks on maps [b, c, h, w]."""

import math

import torch
from torch import nn
from torch.nn import functional as F

most_scale = math.log(100)


def split_windows(x, window):
    """[b, h, w, c] -> [b * windows, window * window, c]"""
    b, h, w, c = x.shape
    x = x.view(b, h // window, window, w // window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, c)


def join_windows(x, h, w, window):
    """[b * windows, window * window, c] -> [b, h, w, c]"""
    c = x.shape[-1]
    x = x.view(-1, h // window, w // window, window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, c)


def offsets(window):
    """Offsets of all pairs in a window, on a logarithmic scale: [(2 w - 1)^2, 2]."""
    line = torch.arange(1 - window, window, dtype=torch.float32) / (window - 1) * 8
    line = line.sign() * torch.log2(line.abs() + 1) / 3
    return torch.stack(torch.meshgrid(line, line, indexing="ij"), 2).view(-1, 2)


def pair_index(window):
    """Which offset a pair of places in a window has: [w * w, w * w]."""
    rows, columns = (t.flatten() for t in torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij"))
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return down * (2 * window - 1) + right


class Attention(nn.Module):
    def __init__(self, dim, heads, window):
        super().__init__()
        self.heads = heads
        self.logit_scale = nn.Parameter(torch.zeros(heads, 1, 1))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, heads, bias=False))
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)
        self.register_buffer("offsets", offsets(window), persistent=False)
        self.register_buffer("pairs", pair_index(window), persistent=False)

    def forward(self, x, mask):
        n, tokens, c = x.shape
        bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        q, k, v = F.linear(x, self.qkv.weight, bias).view(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        logits = logits * self.logit_scale.clamp(max=most_scale).exp()
        table = 16 * torch.sigmoid(self.cpb_mlp(self.offsets))
        logits = logits + table[self.pairs].permute(2, 0, 1)
        if mask is not None:
            logits = (logits.view(-1, mask.shape[0], self.heads, tokens, tokens) + mask[:, None]).view(logits.shape)
        y = logits.softmax(-1) @ v
        return self.proj(y.transpose(1, 2).reshape(n, tokens, c))


class Mlp(nn.Module):
    def __init__(self, dim, act):
        super().__init__()
        self.act = act
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Layer(nn.Module):
    def __init__(self, dim, heads, shift, window=7, act=F.silu):
        super().__init__()
        self.shift = shift
        self.window = window
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads, window)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, act)
        self.masks = {}

    def forward(self, x):
        _, h, w, _ = x.shape
        window = self.window
        y = F.pad(x, (0, 0, 0, -w % window, 0, -h % window))
        rows, columns = y.shape[1:3]
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = join_windows(self.attn(split_windows(y, window), self.mask(rows, columns)), rows, columns, window)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + self.norm1(y[:, :h, :w])
        return x + self.norm2(self.mlp(x))

    def mask(self, rows, columns):
        """-100 between tokens that the shift brought into one window: [windows, w * w, w * w]; made once a size."""
        if not self.shift:
            return None
        if (rows, columns) not in self.masks:
            window = self.window
            region = torch.zeros(1, rows, columns, 1)
            slices = slice(0, -window), slice(-window, -self.shift), slice(-self.shift, None)
            for i, down in enumerate(slices):
                for j, right in enumerate(slices):
                    region[:, down, right] = 3 * i + j
            region = split_windows(region, window).squeeze(2)
            self.masks[rows, columns] = (region[:, :, None] != region[:, None, :]).float() * -100
        return self.masks[rows, columns]


class SwinBlocks(nn.Module):
    def __init__(self, dim, heads, n, window):
        super().__init__()
        self.blocks = nn.Sequential(*(Layer(dim, heads, 0 if i % 2 == 0 else window // 2, window) for i in range(n)))

    def forward(self, x):
        return self.blocks(x.permute(0, 2, 3, 1).contiguous()).permute(0, 3, 1, 2).contiguous()
