"""The bench's peer for inference: OpenCV on the file that we export. It speaks as serve.py says."""

import cv2
import numpy

from serve import serve


def prepare(case, tensors):
    cv2.setNumThreads(case["threads"])
    net = cv2.dnn.readNetFromONNX(case["exported"])
    images = tensors["input.images"].astype(numpy.float32) / 255

    def step(results=None):
        net.setInput(images)
        rows = net.forward()
        if results is not None:
            results["rows"] = rows
        return {"value": float(rows[0, 0, 0])}

    return step


serve(prepare)
