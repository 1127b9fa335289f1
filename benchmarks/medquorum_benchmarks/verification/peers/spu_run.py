# SPDX-License-Identifier: Apache-2.0
"""One of SPU's two parties; runs in an interpreter of its own: SPU is no dependency of this project.

Prints one line of JSON. The model is written in jax, batch normalisation folded; images and weights are secret.
Party 0 makes the shares and leaves the other's in the folder, party 1 leaves its shares of the logits there.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from medquorum_benchmarks.verification.peers.process import bytes_received, peak_bytes

Arrays = dict[str, Any]
Step = Callable[[Any, Arrays], Any]


def _network(path: list[dict[str, Any]]) -> Step:
    """Return the layers of a path as one function of images (n, c, h, w) and arrays by name."""
    steps = [_step(layer) for layer in path]

    def run(values: Any, arrays: Arrays) -> Any:
        for step in steps:
            values = step(values, arrays)
        return values

    return run


def _step(layer: dict[str, Any]) -> Step:
    jax: Any = importlib.import_module("jax")
    kind = layer["op"]
    if kind == "dense":
        return lambda values, arrays: values @ arrays[layer["weight"]] + arrays[layer["bias"]]
    if kind == "conv":
        strides, padding = [layer["stride"]] * 2, [(layer["padding"],) * 2] * 2
        names = ("NCHW", "OIHW", "NCHW")
        return lambda values, arrays: (
            jax.lax.conv_general_dilated(values, arrays[layer["weight"]], strides, padding, dimension_numbers=names)
            + arrays[layer["bias"]]
        )
    if kind == "residual":
        body, shortcut = _network(layer["body"]), _network(layer["shortcut"])
        return lambda values, arrays: body(values, arrays) + shortcut(values, arrays)
    if kind == "maxpool":
        window, steps = (1, 1, *[layer["kernel"]] * 2), (1, 1, *[layer["stride"]] * 2)
        around = [(0, 0), (0, 0), *[(layer["padding"],) * 2] * 2]
        return lambda values, _: jax.lax.reduce_window(values, -np.inf, jax.lax.max, window, steps, around)
    if kind == "globalavgpool":
        return lambda values, _: values.mean((2, 3), keepdims=True)
    if kind == "relu":
        return lambda values, _: jax.numpy.maximum(values, 0)
    return lambda values, _: values.reshape(values.shape[0], -1)


class _Party:
    """One process' slice of SPU, and the inputs and outputs that pass through the folder."""

    def __init__(self, spu: Any, folder: Path, rank: int) -> None:
        self._spu = spu
        self._folder = folder
        self._rank = rank
        kinds = spu.libspu
        config = kinds.RuntimeConfig(protocol=kinds.ProtocolKind.SEMI2K, field=kinds.FieldType.FM64)
        self._io = spu.api.Io(2, config)
        described = kinds.link.Desc()
        for index, address in enumerate(os.environ["PARTIES"].split(",")):
            described.add_party(f"party{index}", address)
        self._line = kinds.link.create_brpc(described, rank)
        self.runtime = spu.api.Runtime(self._line, config)

    def compile(self, function: Callable[..., Any], arguments: list[Any]) -> Any:
        """Compile a function of secret arrays."""
        frontend: Any = importlib.import_module("spu.utils.frontend")
        visible = [self._spu.libspu.Visibility.VIS_SECRET] * len(arguments)
        names = [f"in{index}" for index in range(len(arguments))]
        executable, _ = frontend.compile(
            frontend.Kind.JAX, function, arguments, {}, names, visible, lambda outputs: ["out"]
        )
        return executable

    def give(self, arguments: list[Any]) -> None:
        """Share the inputs, party 0 for both."""
        for index, values in enumerate(arguments):
            if self._rank == 0:
                own, other = self._io.make_shares(values, self._spu.libspu.Visibility.VIS_SECRET)
                self._write(f"in{index}", other)
            self.meet()
            self.runtime.set_var(f"in{index}", own if self._rank == 0 else self._read(f"in{index}"))

    def result(self) -> Any:
        """Return the opened output (party 0), or None."""
        share = self.runtime.get_var("out")
        if self._rank == 1:
            self._write("out", share)
        self.meet()
        return self._io.reconstruct([share, self._read("out")]) if self._rank == 0 else None

    def meet(self) -> None:
        """Wait for the other party."""
        self._line.barrier()

    def _write(self, name: str, share: Any) -> None:
        parts = [share.meta, *share.share_chunks]
        (self._folder / f"{name}.sizes").write_text(json.dumps([len(part) for part in parts]))
        (self._folder / f"{name}.share").write_bytes(b"".join(parts))

    def _read(self, name: str) -> Any:
        raw = (self._folder / f"{name}.share").read_bytes()
        parts = []
        for size in json.loads((self._folder / f"{name}.sizes").read_text()):
            parts.append(raw[:size])
            raw = raw[size:]
        share = self._spu.libspu.Share()
        share.meta, share.share_chunks = parts[0], parts[1:]
        return share


def main() -> None:
    """Run one party: ``spu_run FOLDER REPEATS``, with RANK and PARTIES in the environment."""
    folder, repeats, rank = Path(sys.argv[1]), int(sys.argv[2]), int(os.environ["RANK"])
    spu: Any = importlib.import_module("spu")
    importlib.import_module("spu.api")
    party = _Party(spu, folder, rank)
    start = peak_bytes()
    forward = _network(json.loads((folder / "network.json").read_text()))
    arrays = {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
    names = [name for name in arrays if name != "images"]

    def evaluate(images: Any, *values: Any) -> Any:
        return forward(images, dict(zip(names, values, strict=True)))

    inputs = [arrays["images"], *(arrays[name] for name in names)]
    executable = party.compile(evaluate, inputs)
    party.give(inputs)
    party.runtime.run(executable)
    seconds, received = [], 0
    for _ in range(repeats):
        party.meet()
        before, begun = bytes_received(), time.perf_counter()
        party.runtime.run(executable)
        seconds.append(time.perf_counter() - begun)
        party.meet()
        received = bytes_received() - before
    logits = party.result()
    report = {
        "seconds": seconds,
        "received": received,
        "peak": peak_bytes(),
        "start": start,
        "logits": [] if logits is None else logits.tolist(),
        "version": spu.__version__,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
