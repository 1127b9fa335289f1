# SPDX-License-Identifier: Apache-2.0
"""One of CrypTen's two parties; runs in an interpreter of its own: CrypTen is no dependency of this project.

Prints one line of JSON. The torch version's missing module is put in place before the import. The model is written on
CrypTensors, batch normalisation folded; images belong to party 0, weights to party 1. Sharing them is not timed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medquorum_benchmarks.verification.peers.process import bytes_received, peak_bytes

_MISSING = "torch.onnx._internal.registration"


class _Registry:
    """Stands for torch's registry of ONNX operators, which CrypTen's import names and inference does not use."""

    def __init__(self, *arguments: object) -> None:
        pass


def _import() -> Any:
    stub: Any = types.ModuleType(_MISSING)
    stub.registry = _Registry()
    sys.modules.setdefault(_MISSING, stub)
    return importlib.import_module("crypten")


def _network(crypten: Any, path: list[dict[str, Any]], arrays: dict[str, torch.Tensor]) -> Callable[[Any], Any]:
    """Return the layers of a path as one function of a CrypTensor (n, c, h, w)."""
    steps = [_step(crypten, layer, arrays) for layer in path]

    def run(values: Any) -> Any:
        for step in steps:
            values = step(values)
        return values

    return run


def _step(crypten: Any, layer: dict[str, Any], arrays: dict[str, torch.Tensor]) -> Callable[[Any], Any]:
    kind = layer["op"]
    if kind in ("conv", "dense"):
        weight = crypten.cryptensor(arrays[layer["weight"]], src=1)
        bias = crypten.cryptensor(arrays[layer["bias"]], src=1)
        if kind == "dense":
            return lambda values: values.matmul(weight) + bias
        return lambda values: values.conv2d(weight, stride=layer["stride"], padding=layer["padding"]) + bias
    if kind == "residual":
        body = _network(crypten, layer["body"], arrays)
        shortcut = _network(crypten, layer["shortcut"], arrays)
        return lambda values: body(values) + shortcut(values)
    if kind == "maxpool":
        return lambda values: values.max_pool2d(layer["kernel"], padding=layer["padding"], stride=layer["stride"])
    if kind == "globalavgpool":
        return lambda values: values.mean((2, 3), keepdim=True)
    if kind == "relu":
        return lambda values: values.relu()
    return lambda values: values.flatten(1)


class _Measured:
    """Timed runs from a common start at both parties."""

    def __init__(self, crypten: Any, forward: Callable[[], Any]) -> None:
        self._line = crypten.communicator.get()
        self._forward = forward
        self.seconds: list[float] = []
        self.bytes = 0
        self.result: Any = None

    def run(self) -> None:
        self._line.barrier()
        before, start = bytes_received(), time.perf_counter()
        self.result = self._forward()
        self.seconds.append(time.perf_counter() - start)
        self._line.barrier()
        self.bytes = bytes_received() - before


@contextmanager
def _counted(crypten: Any) -> Iterator[None]:
    """Let CrypTen count its rounds; not during timed runs."""
    crypten.reset_communication_stats()
    crypten.cfg.communicator.verbose = True
    yield
    crypten.cfg.communicator.verbose = False


def main() -> None:
    """Run one party: ``crypten_run FOLDER REPEATS``; the rest stands in CrypTen's own environment variables."""
    folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    crypten = _import()
    crypten.init()
    start = peak_bytes()
    path = json.loads((folder / "network.json").read_text())
    arrays = {file.stem: torch.from_numpy(np.load(file)) for file in folder.glob("*.npy")}
    network = _network(crypten, path, arrays)
    images = crypten.cryptensor(arrays["images"], src=0)
    dealt = _Measured(crypten, lambda: network(images))
    network(images)
    for _ in range(repeats):
        dealt.run()
    crypten.trace(True)
    with _counted(crypten):
        network(images)
        rounds = crypten.communicator.get().comm_rounds
    crypten.trace(False)
    online = _Measured(crypten, lambda: network(images))
    for _ in range(repeats):
        crypten.fill_cache()
        online.run()
    logits = online.result.get_plain_text().double().tolist()
    crypten.communicator.get().barrier()
    report = {
        "dealt": dealt.seconds,
        "online": online.seconds,
        "received": online.bytes,
        "rounds": rounds,
        "peak": peak_bytes(),
        "start": start,
        "logits": logits,
        "version": crypten.__version__,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
