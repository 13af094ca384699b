"""
The bench's peer: the same detector or classifier, weights, inputs and step in PyTorch.
It speaks as serve.py says.
"""

import math
import time

import torch
from torch.nn import functional as F

from classifier import Classifier
from loss import detection_loss
from nets import Model, fold_batch_norms, load
from serve import serve


def detector_loss(model, case, inputs):
    maps = model(inputs["images"].float() / 255)
    return maps, *detection_loss(maps, inputs["targets"], model.head.anchors, case)


def classifier_loss(model, case, inputs):
    logits = model(inputs["images"])
    loss = F.cross_entropy(logits, inputs["targets"])
    return [logits], loss, loss.detach()[None]


def train_step(model, case, inputs):
    """Forward, loss, backward, clipping, SGD with Nesterov momentum, moving average: a function that does one step."""
    rates, average = case["rates"], case["ema"]
    groups = {"bias": [], "norm": [], "weight": []}
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            norm = isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm))
            groups["bias" if name == "bias" else "norm" if norm else "weight"].append(parameter)
    optimizer = torch.optim.SGD(
        [
            {"params": groups["bias"], "lr": rates["biasLr"]},
            {"params": groups["weight"], "weight_decay": rates["weightDecay"]},
            {"params": groups["norm"]},
        ],
        lr=rates["lr"],
        momentum=rates["momentum"],
        nesterov=True,
    )
    ema = {name: value.clone() for name, value in model.state_dict().items() if value.is_floating_point()}
    updates = 0
    model.train()

    def step(results=None):
        nonlocal updates
        maps, loss, parts = (classifier_loss if "classifier" in case else detector_loss)(model, case, inputs)
        loss.backward()
        if results is not None:
            results.update({f"map.{i}": raw.detach().clone() for i, raw in enumerate(maps)})
            results.update({f"grad.{name}": p.grad.clone() for name, p in model.named_parameters()})
            results.update(loss=loss.detach(), parts=parts.detach())
        forward_backward = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(model.parameters(), rates["clipNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        updates += 1
        decay = average["decay"] * (1 - math.exp(-updates / average["tau"]))
        with torch.no_grad():
            state = model.state_dict()
            for name, value in ema.items():
                value.mul_(decay).add_(state[name], alpha=1 - decay)
        if results is not None:
            results.update({f"after.{name}": value.detach() for name, value in state.items() if name in ema})
            results.update({f"ema.{name}": value for name, value in ema.items()})
        return {"value": loss.item(), "updateMs": 1000 * (time.perf_counter() - forward_backward)}

    return step


def inference_step(model, case, inputs):
    """Pictures to decoded rows, batch norms folded; of a classifier, to probabilities."""
    model.eval()
    if "classifier" in case:
        return classification_step(model, inputs)
    fold_batch_norms(model)

    @torch.inference_mode()
    def step(results=None):
        maps = model(inputs["images"].float() / 255)
        rows = model.head.decode(maps, case["strides"])
        if results is not None:
            results.update({f"map.{i}": raw for i, raw in enumerate(maps)}, rows=rows)
        return {"value": rows[0, 0, 0].item()}

    return step


def classification_step(model, inputs):
    @torch.inference_mode()
    def step(results=None):
        logits = model(inputs["images"])
        rows = logits.softmax(1)
        if results is not None:
            results.update({"map.0": logits, "rows": rows})
        return {"value": rows[0, 0].item()}

    return step


steps = {"train": train_step, "inference": inference_step}


def prepare(case, tensors):
    torch.set_num_threads(case["threads"])
    tensors = {name: torch.from_numpy(array) for name, array in tensors.items()}
    model = Classifier(**case["classifier"]) if "classifier" in case else Model(case["layers"])
    load(model, {name[6:]: value for name, value in tensors.items() if name.startswith("state.")})
    inputs = {name[6:]: value for name, value in tensors.items() if name.startswith("input.")}
    return steps[case["kind"]](model, case, inputs)


serve(prepare)
