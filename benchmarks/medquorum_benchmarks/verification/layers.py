# SPDX-License-Identifier: Apache-2.0
"""What each layer of format version 2 costs under encryption, beside its count of comparisons, for one case.

Each layer stands in one small model of 16 channels of 14x14 values, between a ReLU and a mean; the row is what it costs
beyond the model without it. ReLU6 and LeakyReLU stand in the ReLU's place; outputs are compared with one of ten
classes. Comparisons, bytes and rounds are exact; milliseconds are processor time of one thread.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from medquorum.core.model import catalogue, layout, parse
from medquorum.verifier.arithmetic.kernels.library import path_in_use
from medquorum.verifier.model.planning import make_plan
from medquorum.verifier.offline.cost_model import image_cost
from medquorum.verifier.randomness.sharing import expand, share
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.session.local import Inputs, measure
from medquorum_benchmarks.verification.engine import BACK_ENDS, parameters

CHANNELS, SIDE, CLASSES = 16, 14, 10
BATCH = 32
Layer = dict[str, Any]


def _layer(op: str, **fields: Any) -> Layer:
    return {"op": op, "name": "x", "from": ["r"], **fields}


def _conv(groups: int = 1, dilation: int = 1) -> Layer:
    sizes = {"kernel": [3, 3], "stride": [1, 1], "padding": [dilation, dilation], "dilation": [dilation, dilation]}
    return _layer("conv", **{"in": CHANNELS, "out": CHANNELS}, **sizes, groups=groups, bias=True)


WINDOWS = {"kernel": [3, 3], "stride": [1, 1], "padding": [1, 1]}
LAYERS: dict[str, Layer] = {
    "batchnorm of its own": _layer("batchnorm", channels=CHANNELS),
    "conv 3x3": _conv(),
    "conv 3x3, dilated": _conv(dilation=2),
    "conv 3x3, 4 groups": _conv(groups=4),
    "conv 3x3, depthwise": _conv(groups=CHANNELS),
    "relu6 for relu": _layer("relu6") | {"from": ["a"]},
    "leakyrelu for relu": _layer("leakyrelu", slope=6554) | {"from": ["a"]},
    "maxpool 3x3": _layer("maxpool", **WINDOWS),
    "avgpool 3x3": _layer("avgpool", **WINDOWS),
    "adaptiveavgpool 4x4": _layer("adaptiveavgpool", size=[4, 4]),
    "add": _layer("add") | {"from": ["r", "input"]},
    "concat": _layer("concat") | {"from": ["r", "input"]},
}
OUTPUTS: dict[str, Layer] = {
    "one logit": {"kind": "logit", "threshold": 0},
    "10 labels": {"kind": "labels", "thresholds": [0] * CLASSES},
}


class _Cost(NamedTuple):
    comparisons: int
    tree_kb: float
    fss_kb: float
    wire_kb: float
    rounds: int
    party_ms: float
    dealer_ms: float


def model(added: Layer | None, output: Layer | None = None) -> catalogue.Document:
    """Describe the small model, with a layer added or with another output."""
    output = {"kind": "classes", "count": CLASSES} if output is None else output
    logits = {"classes": CLASSES, "logit": 1, "labels": CLASSES}[output["kind"]]
    first = _conv() | {"name": "a", "from": ["input"], "kernel": [1, 1], "padding": [0, 0]}
    width = 2 * CHANNELS if added is not None and added["op"] == "concat" else CHANNELS
    replaced = added is not None and added["from"] == ["a"]
    layers = [
        first,
        *([] if replaced else [{"op": "relu", "name": "r", "from": ["a"]}]),
        *([] if added is None else [added]),
        {"op": "adaptiveavgpool", "name": "g", "from": ["r" if added is None else "x"], "size": [1, 1]},
        {"op": "flatten", "name": "f", "from": ["g"]},
        {"op": "dense", "name": "z", "from": ["f"], "in": width, "out": logits, "bias": True},
    ]
    shape, ones = [CHANNELS, SIDE, SIDE], [1 << 32] * CHANNELS
    source = {"kind": "fixed", "shape": shape, "type": "int32", "scale": ones, "offset": [0] * CHANNELS}
    return {"format": 2, "name": "layers", "input": source, "output": output, "layers": layers}


def cost(document: catalogue.Document) -> _Cost:
    """Verify one update on one batch of drawn inputs and return the costs of one of them."""
    description = parse(document)
    specs = layout(description)
    base = parameters(specs)
    plan = make_plan(description, ["mixed"], lambda_numerator=1, lambda_bits=1, grayscale=False)
    flat = np.concatenate([base[spec.name].reshape(-1) for spec in specs])
    shares = share(flat, b"benchmark", new_seed())
    rng = np.random.default_rng(1)
    images = rng.integers(-(1 << 17), 1 << 17, (BATCH, SIDE, SIDE, CHANNELS)).astype(np.int32)
    labels = rng.integers(0, 2, (BATCH, CLASSES) if document["output"]["kind"] == "labels" else BATCH)
    own = shares.full, expand(shares.seed, b"benchmark", flat.shape[0])
    report = measure(plan, Inputs(base, own, images, labels, BATCH), BACK_ENDS["tree"])
    comparisons, tree = image_cost(plan, "tree")
    _, fss = image_cost(plan, "fss")
    party = report.outcomes[0].batches
    wire = sum(outcome.batches.sent for outcome in report.outcomes) / BATCH / 1e3
    milliseconds = party.processor / BATCH * 1e3, report.batches.processor / BATCH * 1e3
    return _Cost(comparisons, tree.material / 1e3, fss.material / 1e3, wire, party.rounds, *milliseconds)


def main() -> None:
    """Print a table and, with ``--json FILE``, write the rows."""
    parser = argparse.ArgumentParser("scripts/bench layers", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cost(model(None))  # what is loaded and compiled first does not count
    without = cost(model(None))._asdict()
    documents = {name: model(layer) for name, layer in LAYERS.items()}
    documents |= {name: model(None, output) for name, output in OUTPUTS.items()}
    rows: list[dict[str, Any]] = [{"layer": "the model without it", **without}]
    for name, document in documents.items():
        own = cost(document)._asdict()
        rows.append({"layer": name, **{key: own[key] - less for key, less in without.items()}})
    table = Table(
        *(name.replace("_", " ") for name in rows[0]),
        title=f"Layers under encryption, {path_in_use()} kernels, tree: of one case of {BATCH} (wire: both directions)",
    )
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=150).print(table)
    if options.json:
        options.json.write_text(json.dumps({"threads": 1, "kernels": path_in_use(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
