# SPDX-License-Identifier: Apache-2.0
"""Exact integer inference beside float32 torch, one thread each, interleaved in one run."""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torchvision.models import resnet18

from medquorum.core import fixedpoint
from medquorum.core.inference import compile_model
from medquorum.core.model import ModelDescription, Tensors, catalogue, layout, parse

REPEATS = 15


def networks() -> dict[str, nn.Module]:
    """Return the catalogue's models in torch, for 28x28 images of 10 classes."""
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return {"mlp": mlp, "lenet": nn.Sequential(*first, *second, *dense), "resnet18": resnet18(num_classes=10)}


def parameters(net: nn.Module, description: ModelDescription) -> Tensors:
    """Encode a net's parameters in layout order, running variances as 1/sqrt(σ² + ε)."""
    values = [
        (1 / (tensor + 1e-5).sqrt() if name.endswith("running_var") else tensor).double().numpy()
        for name, tensor in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    ]
    names = [spec.name for spec in layout(description)]
    return {name: fixedpoint.encode(value).astype(np.int32) for name, value in zip(names, values, strict=True)}


def seconds(*functions: Callable[[], object]) -> list[float]:
    """Return each function's median time, the functions taking turns."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for taken, function in zip(times, functions, strict=True):
            start = perf_counter()
            function()
            taken.append(perf_counter() - start)
    return [median(taken) for taken in times]


def measure(name: str, net: nn.Module, batch: int) -> dict[str, Any]:
    """Time one model at one batch size and compare the logits."""
    net.eval()
    description = parse(catalogue.describe(name, (1, 28, 28), 10))
    tensors = parameters(net, description)
    images = np.random.default_rng(0).integers(0, 256, (batch, 28, 28), dtype=np.uint8)
    inputs = torch.tensor(images / 255.0, dtype=torch.float32)[:, None]
    inputs = inputs.expand(-1, description.shape[0], -1, -1).contiguous()
    start = perf_counter()
    program = compile_model(description, tensors, tensors, lambda_numerator=1, lambda_bits=1)
    compiled = perf_counter() - start
    with torch.inference_mode():
        ours, theirs = seconds(lambda: program.logits(images), lambda: net(inputs))
        error = float(np.abs(program.logits(images) / 65536 - net(inputs).numpy()).max())
    per_image = [time / batch * 1e3 for time in (ours, theirs)]
    return {
        "model": name,
        "batch": batch,
        "compile_ms": round(compiled * 1e3, 2),
        "exact_ms_per_image": round(per_image[0], 5),
        "torch_ms_per_image": round(per_image[1], 5),
        "ratio": round(ours / theirs, 2),
        "largest_logit_error": round(error, 6),
    }


def main() -> None:
    """Print a table and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser("scripts/bench evaluation", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [measure(name, net, batch) for name, net in networks().items() for batch in (32, 128)]
    table = Table(
        *(name.replace("_", " ") for name in rows[0]),
        title="Exact integer inference and float32 torch, 28x28 images, one thread",
    )
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps({"threads": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
