# SPDX-License-Identifier: Apache-2.0
"""The process of one call of a training function: ``python -m medquorum.clients.training.own.worker FOLDER``.

It speaks JSON lines with the process that started it: on its first standard output ``metrics`` and at the end ``error``
or ``done``; what the function prints goes to standard error. ``stop`` on standard input makes ``context.stop()`` true,
and its end ends the process: nobody waits for the result any more.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from medquorum.errors import ConfigError, TrainingError

__all__ = ["find_function", "main"]


def find_function(name: str) -> Any:
    """Import ``package.module:function``, also from the current folder.

    Raises
    ------
    ConfigError
        There is none of that name, or its module cannot be imported.
    """
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise ConfigError(
            f"{name} cannot be imported: {type(error).__name__}: {error}",
            "Write package.module:function, as python imports it from here",
        ) from error
    if not callable(function):
        raise ConfigError(f"{name} is no function", "Write package.module:function")
    return function


def main(folder: Path) -> None:
    """Train as the folder's ``job.json`` says; leave ``update.bin`` there."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        packed = _trained(folder, stop, lines)
    except (TrainingError, ConfigError) as error:
        print(json.dumps({"error": error.cause, "remedy": error.remedy}), file=lines)
        return
    (folder / "update.bin").write_bytes(packed)
    print(json.dumps({"done": True}), file=lines)


def _trained(folder: Path, stop: threading.Event, lines: TextIO) -> bytes:
    import torch

    from medquorum.clients.data.images import read_shard
    from medquorum.clients.training.module import DescribedModel
    from medquorum.clients.training.own.function import Training, make_update
    from medquorum.clients.training.own.images import OwnImages
    from medquorum.core import model as modelformat

    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    description = modelformat.parse(job["model"])
    data = None if job["data"] is None else OwnImages(description, read_shard(Path(job["data"]), job["max_bytes"]))
    training = Training(
        description,
        DescribedModel(description),
        (folder / "base.bin").read_bytes(),
        job["task"],
        job["round"],
        job["hospital"],
        job["seed"],
    )

    def log(metrics: Mapping[str, Any]) -> None:
        print(json.dumps({"metrics": dict(metrics)}, default=float), file=lines)

    return make_update(find_function(job["function"]), data, training, stop.is_set, log)


def _listen(stop: threading.Event) -> None:
    for _ in sys.stdin:
        stop.set()
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
