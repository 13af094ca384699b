"""The Swin Transformer V2 classifier in PyTorch, under the official names of its weights."""

import torch
from torch import nn
from torch.nn import functional as F

from swin import Layer


class PatchEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 4, 4)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class Merging(nn.Module):
    """Four neighbours become one token: [b, h, w, c] -> [b, h / 2, w / 2, 2 c]"""

    def __init__(self, dim):
        super().__init__()
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(2 * dim)

    def forward(self, x):
        parts = (x[:, down::2, right::2] for right in (0, 1) for down in (0, 1))
        return self.norm(self.reduction(torch.cat(tuple(parts), -1)))


class Stage(nn.Module):
    def __init__(self, dim, depth, heads, side, window, merges):
        super().__init__()
        whole = side <= window
        shift = 0 if whole else window // 2
        window = min(side, window)
        self.blocks = nn.Sequential(*(Layer(dim, heads, shift * (j % 2), window, F.gelu) for j in range(depth)))
        self.downsample = Merging(dim) if merges else None

    def forward(self, x):
        x = self.blocks(x)
        return self.downsample(x) if self.downsample else x


class Classifier(nn.Module):
    """`config` as `swinv2:` of a model's YAML; pictures [b, 3, side, side] to logits."""

    def __init__(self, config, classes, side):
        super().__init__()
        dim, depths, heads = config["embed_dim"], config["depths"], config["num_heads"]
        last = len(depths) - 1
        self.patch_embed = PatchEmbedding(dim)
        self.layers = nn.Sequential(
            *(
                Stage(dim << i, depths[i], heads[i], side // 4 >> i, config["window"], i < last)
                for i in range(last + 1)
            )
        )
        self.norm = nn.LayerNorm(dim << last)
        self.head = nn.Linear(dim << last, classes)

    def forward(self, x):
        return self.head(self.norm(self.layers(self.patch_embed(x))).mean((1, 2)))
