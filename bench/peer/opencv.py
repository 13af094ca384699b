"""
The bench's peer for inference: OpenCV on the raw maps that we export (4.6 reads the file with decoded rows but fails on its
sums of five axes). It speaks as serve.py says.
"""

import cv2
import numpy

from serve import serve


def prepare(case, tensors):
    cv2.setNumThreads(case["threads"])
    net = cv2.dnn.readNetFromONNX(case["exportedMaps"])
    images = tensors["input.images"].astype(numpy.float32) / 255

    outputs = net.getUnconnectedOutLayersNames()

    def step(results=None):
        net.setInput(images)
        maps = net.forward(outputs)
        if results is not None:
            results.update({name.replace("output", "map."): raw for name, raw in zip(outputs, maps)})
        return {"value": float(maps[0].flat[0])}

    return step


serve(prepare)
