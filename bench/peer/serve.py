"""
What a peer's program answers, the same as ours:

    check CASE.json OUT.safetensors   one step, all its results into a file
    turns CASE.json                   a step for every line "step" on stdin; "end" gives the peak memory
"""

import json
import resource
import sys
import time

from tensors import read_tensors, write_tensors


def serve(prepare):
    """Answers; `prepare(case, arrays)` gives the function that does a step."""
    base = memory("VmRSS")
    mode, case_file, *out = sys.argv[1:]
    with open(case_file) as file:
        case = json.load(file)
    step = prepare(case, read_tensors(case["tensors"]))
    if mode == "check":
        results = {}
        step(results)
        write_tensors(out[0], results)
        return
    say(ready=True, base=base)
    for line in sys.stdin:
        if line.strip() == "end":
            say(peak=memory("VmHWM"))
            return
        start, cpu = time.perf_counter(), time.process_time()
        result = step()
        say(ms=1000 * (time.perf_counter() - start), cpuMs=1000 * (time.process_time() - cpu), **result)


def memory(what):
    """Resident memory in bytes, now (VmRSS) or at the most so far (VmHWM), of this program alone."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def say(**fields):
    print(json.dumps(fields), flush=True)
