"""
The bench's peer: the same detector, weights, inputs and step in PyTorch.

    main.py check CASE.json OUT.safetensors   one step, all its results into a file
    main.py turns CASE.json                   a step for every line "step" on stdin; "end" gives the peak memory
"""

import json
import math
import resource
import sys
import time

import torch

from loss import detection_loss
from nets import Model, fold_batch_norms
from tensors import read_tensors, write_tensors


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
        maps = model(inputs["images"].float() / 255)
        loss, parts = detection_loss(maps, inputs["targets"], model.head.anchors, case)
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
            results.update({f"after.{name}": value for name, value in state.items() if name in ema})
            results.update({f"ema.{name}": value for name, value in ema.items()})
        return {"value": loss.item(), "updateMs": 1000 * (time.perf_counter() - forward_backward)}

    return step


def inference_step(model, case, inputs):
    """Pictures to decoded rows, batch norms folded."""
    model.eval()
    fold_batch_norms(model)

    @torch.inference_mode()
    def step(results=None):
        maps = model(inputs["images"].float() / 255)
        rows = model.head.decode(maps, case["strides"])
        if results is not None:
            results.update({f"map.{i}": raw for i, raw in enumerate(maps)}, rows=rows)
        return {"value": rows[0, 0, 0].item()}

    return step


steps = {"train": train_step, "inference": inference_step}


def peak_memory():
    """The most resident memory so far, in bytes: of this program alone, not of the one that started it."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def say(**fields):
    print(json.dumps(fields), flush=True)


def main(mode, case_file, out=None):
    with open(case_file) as file:
        case = json.load(file)
    torch.set_num_threads(case["threads"])
    tensors = read_tensors(case["tensors"])
    model = Model(case["layers"])
    model.load({name[6:]: value for name, value in tensors.items() if name.startswith("state.")})
    inputs = {name[6:]: value for name, value in tensors.items() if name.startswith("input.")}
    step = steps[case["kind"]](model, case, inputs)
    del tensors
    if mode == "check":
        results = {}
        step(results)
        write_tensors(out, results)
        return
    say(ready=True)
    for line in sys.stdin:
        if line.strip() == "end":
            say(peak=peak_memory())
            return
        start, cpu = time.perf_counter(), time.process_time()
        result = step()
        say(ms=1000 * (time.perf_counter() - start), cpuMs=1000 * (time.process_time() - cpu), **result)


main(*sys.argv[1:])
