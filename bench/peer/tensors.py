"""safetensors files by hand: 8 bytes of header length, a JSON header, raw little-endian numbers."""

import json
import struct

import numpy

numpy_types = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_tensors(path):
    """All tensors of a file by name, as numpy arrays."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        numbers = numpy.frombuffer(data[begin:end], dtype=numpy_types[entry["dtype"]])
        tensors[name] = numbers.copy().reshape(entry["shape"])
    return tensors


def write_tensors(path, tensors):
    """Writes arrays (or tensors without gradients) as fp32 under their names."""
    header, parts, offset = {}, [], 0
    for name, tensor in tensors.items():
        array = numpy.asarray(tensor)
        numbers = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + len(numbers)]}
        parts.append(numbers)
        offset += len(numbers)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
