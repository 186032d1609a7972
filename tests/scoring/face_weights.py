"""Tiny stand-ins for YuNet and SFace with the inputs and outputs that OpenCV's classes expect.

The detector takes patches of one bright colour for faces, so that a test can draw some: red of 8 pixels, blue of 16,
green of 32. The recogniser is a random network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scoring.scorers.faces import DETECTOR_FILE, RECOGNISER_FILE

STRIDES = (8, 16, 32)
PARTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
# The colour that is a face to each grid: blue, green or red, by its place.
SIGNS = {8: 2, 16: 0, 32: 1}
# Five points around the middle of a cell, in cells: eyes, nose, corners of the mouth.
POINTS = [0.1, 0.2, 0.9, 0.2, 0.5, 0.5, 0.2, 0.85, 0.8, 0.85]


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """So little confidence is asked for that every picture has faces."""
    make(folder)
    return {"source": str(folder), "detector": str(folder), "confidence": "1e-9"}


def make(folder: Path, *, seed: int = 0) -> None:
    onnx.save(_detector(), folder / DETECTOR_FILE)
    onnx.save(_recogniser(seed), folder / RECOGNISER_FILE)


def _detector() -> Any:
    """For each stride the mean colour of a cell through one layer: confidence by colour, box and points fixed."""
    nodes: list[Any] = []
    weights: list[Any] = []
    outputs = []
    for part, width in PARTS.items():
        for stride in STRIDES:
            name = f"{part}_{stride}"
            kernel, bias = _layer(part, width, stride)
            weights += [numpy_helper.from_array(kernel, f"{name}_w"), numpy_helper.from_array(bias, f"{name}_b")]
            weights.append(numpy_helper.from_array(np.array([1, -1, width], np.int64), f"{name}_shape"))
            cells, turned = f"{name}_cells", f"{name}_turned"
            nodes.append(
                helper.make_node(
                    "Conv",
                    ["input", f"{name}_w", f"{name}_b"],
                    [cells],
                    kernel_shape=[stride, stride],
                    strides=[stride, stride],
                )
            )
            if part in ("cls", "obj"):
                nodes.append(helper.make_node("Sigmoid", [cells], [f"{cells}_s"]))
                cells = f"{cells}_s"
            nodes.append(helper.make_node("Transpose", [cells], [turned], perm=[0, 2, 3, 1]))
            nodes.append(helper.make_node("Reshape", [turned, f"{name}_shape"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, width]))
    given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, None, None])]
    return _model(nodes, given, outputs, weights)


def _layer(part: str, width: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (width, 3, stride, stride) and bias (width,) over blue, green, red from 0 to 255."""
    kernel = np.zeros((width, 3, stride, stride), np.float32)
    area = stride * stride
    if part in ("cls", "obj"):
        # Sure only of a cell that has its own colour all over.
        kernel[0] = -0.05 / area
        kernel[0, SIGNS[stride]] = 0.05 / area
        return kernel, np.array([-8.0], np.float32)
    kernel[0, SIGNS[stride]] = -0.0002 / area  # the less of its colour, the further to the right
    if part == "bbox":
        return kernel, np.array([0.5, 0.5, 0.1, 0.2], np.float32)
    return kernel, np.array(POINTS, np.float32)


def _recogniser(seed: int) -> Any:
    random = np.random.default_rng(seed)
    kernel = random.normal(0, 0.02, (8, 3, 16, 16)).astype(np.float32)
    dense = random.normal(0, 0.05, (128, 8 * 7 * 7)).astype(np.float32)
    tensors = {"kernel": kernel, "dense": dense, "bias": random.normal(0, 1, 128).astype(np.float32)}
    weights = [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()]
    nodes = [
        helper.make_node("Conv", ["data", "kernel"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Relu", ["cells"], ["lit"]),
        helper.make_node("Flatten", ["lit"], ["row"], axis=1),
        helper.make_node("Gemm", ["row", "dense", "bias"], ["fc1"], transB=1),
    ]
    given = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])]
    return _model(nodes, given, [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 128])], weights)


def _model(nodes: Sequence[Any], given: Sequence[Any], outputs: Sequence[Any], weights: Sequence[Any]) -> Any:
    graph = helper.make_graph(list(nodes), "tiny", list(given), list(outputs), list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
