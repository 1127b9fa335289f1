# SPDX-License-Identifier: Apache-2.0
"""A training function in a process of its own, which can be ended whatever the function does."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from medquorum.clients.training.own.function import Training
from medquorum.clients.training.own.runner import Log
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ConfigError, TrainingError

__all__ = ["InProcess", "Recipe", "check_function"]

CHECK_TIMEOUT = 300.0
_WORKER = "medquorum.clients.training.own.worker"


@dataclass(frozen=True)
class Recipe:
    """What such a process needs besides its round: a function's name, the hospital's images, threads, a folder.

    ``max_bytes`` is the most that the images' file may hold.
    """

    function: str
    data: Path | None
    threads: int
    folder: Path
    max_bytes: int | None = None


def check_function(name: str) -> None:
    """Import a function in a process of its own, so that a wrong name is told before anything else happens.

    Raises
    ------
    ConfigError
        It cannot be imported.
    """
    look = f"import sys; from {_WORKER} import find_function; find_function(sys.argv[1])"
    command = [sys.executable, "-c", look, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"{name} is not imported within {CHECK_TIMEOUT:g} s", "Leave to the function what takes long"
        ) from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1].removeprefix("medquorum.errors.ConfigError: ")
        raise ConfigError(last)


class InProcess:
    """A training in a process of its own; see :mod:`medquorum.clients.training.own.worker`."""

    def __init__(self, recipe: Recipe, training: Training, log: Log) -> None:
        self._folder = recipe.folder
        self._round = training.round
        make_private_folder(recipe.folder)
        (recipe.folder / "update.bin").unlink(missing_ok=True)
        (recipe.folder / "base.bin").write_bytes(training.base)
        job = {
            "function": recipe.function,
            "data": None if recipe.data is None else str(recipe.data),
            "max_bytes": recipe.max_bytes,
            "threads": recipe.threads,
            "model": training.description.model_dump(mode="json", by_alias=True),
            "task": training.task,
            "round": training.round,
            "hospital": training.hospital,
            "seed": training.seed,
        }
        (recipe.folder / "job.json").write_text(json.dumps(job))
        command = [sys.executable, "-m", _WORKER, str(recipe.folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._stdin, self._stdout = cast(TextIO, self._process.stdin), cast(TextIO, self._process.stdout)
        self._outcome: dict[str, Any] = {}
        self._reader = threading.Thread(target=self._read, args=(log,), name="training", daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; return whether the process has ended."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def stop(self) -> None:
        """Make ``context.stop()`` true."""
        with contextlib.suppress(OSError, ValueError):  # it has ended
            self._stdin.write("stop\n")
            self._stdin.flush()

    def end(self) -> bool:
        """Kill the process."""
        self._process.kill()
        self._reader.join()
        return True

    def result(self) -> bytes:
        """Return the packed update."""
        if "error" in self._outcome:
            raise TrainingError(self._outcome["error"], self._outcome["remedy"], round_number=self._round)
        if "done" not in self._outcome:
            raise TrainingError(
                f"the training process ended with code {self._process.returncode} and without a result",
                "Look at its output on standard error; -9 without a reason is often too little memory",
                round_number=self._round,
            )
        return (self._folder / "update.bin").read_bytes()

    def _read(self, log: Log) -> None:
        with self._process:
            for line in self._stdout:
                message = json.loads(line)
                if "metrics" in message:
                    log(message["metrics"])
                else:
                    self._outcome = message
