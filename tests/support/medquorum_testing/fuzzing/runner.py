# SPDX-License-Identifier: Apache-2.0
"""Targets of the fuzzing, and how they are run on bent inputs.

A target is a module ``tests/fuzz/targets/NAME.py`` with ``SEEDS`` (list of bytes) and ``run(data)``, which may raise
nothing but the project's own errors. An input follows from target, seed and number: ``--only NUMBER`` makes it again.
Where a target draws keys of its own it does not; there ``--input FILE`` repeats what a run has kept.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import structlog

from medquorum.errors import MedquorumError
from medquorum.gateway import FabricError
from medquorum.shim import ShimError
from medquorum_testing.fuzzing.mutation import mutated
from medquorum_testing.places import TESTS

__all__ = ["Found", "Target", "fuzz", "load", "names", "scratch_file"]

OWN = (MedquorumError, FabricError, ShimError)
TELL = 10.0
"""Seconds between two words on how far a run is."""
SLOW = 10.0
"""Seconds that no input may take; one that did is run again: the machine may have been busy."""
TARGETS = TESTS / "fuzz" / "targets"


@dataclass(frozen=True)
class Target:
    """A parser and inputs it takes."""

    name: str
    seeds: Sequence[bytes]
    run: Callable[[bytes], None]
    receiver: Callable[[bytes], str] | None = None
    """Names who is sent an input, where a target plays several organisations."""


@dataclass(frozen=True)
class Found:
    """An input at which a target did what it must not."""

    target: str
    seed: int
    number: int
    data: bytes
    what: str

    def keep(self) -> str:
        """Write the input to a file, and return what there is to say."""
        kept = Path(tempfile.gettempdir()) / f"fuzz-{self.target}-{self.seed}-{self.number}"
        kept.write_bytes(self.data)
        again = f"scripts/fuzz {self.target} --seed {self.seed} --only {self.number}, or --input {kept}"
        return f"{self.what}\n{self.target}, again with: {again}\ninput: {self.data[:300]!r}"


def names() -> list[str]:
    """Return the targets' names."""
    return sorted(path.stem for path in TARGETS.glob("[a-z]*.py"))


@cache
def load(name: str) -> Target:
    """Import a target."""
    spec = importlib.util.spec_from_file_location(f"fuzz_target_{name}", TARGETS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ValueError(f"there is no target {name}; there are {', '.join(names())}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Target(name, module.SEEDS, module.run, getattr(module, "receiver", None))


def fuzz(
    target: Target,
    seconds: float,
    seed: int,
    first: int = 0,
    *,
    inputs: int | None = None,
    received: Counter[str] | None = None,
) -> tuple[int, Found | None]:
    """Run a target on its seeds, then on bent inputs; return how many, and the first at which it failed.

    With ``inputs`` there are so many of them, whatever time they take. ``received`` is given how many went to whom.
    """
    end = time.monotonic() + seconds
    told = time.monotonic()
    with _quiet():
        for number, data in _inputs(target, seed, first):
            begun = time.monotonic()
            if received is not None:
                received[target.receiver(data) if target.receiver else target.name] += 1
            if begun > told + TELL:
                told = begun
                print(f"{target.name}: {number - first} so far", file=sys.stderr, flush=True)
            try:
                target.run(data)
            except OWN:
                pass
            except Exception:
                return number, Found(target.name, seed, number, data, traceback.format_exc(limit=-8))
            now = time.monotonic()
            if now - begun > SLOW and (again := _seconds(target, data)) > SLOW:
                return number, Found(target.name, seed, number, data, f"took {now - begun:.1f} s, then {again:.1f} s")
            if now > end if inputs is None else number + 1 - first >= inputs:
                return number + 1, None
    raise AssertionError("inputs have no end")


def _seconds(target: Target, data: bytes) -> float:
    """Return what a target takes for an input that it may refuse."""
    begun = time.monotonic()
    with suppress(*OWN):
        target.run(data)
    return time.monotonic() - begun


def scratch_file(name: str) -> Path:
    """Return a path in a folder of this process, for parsers that read files."""
    return Path(_FOLDER.name) / name


def _inputs(target: Target, seed: int, first: int) -> Iterator[tuple[int, bytes]]:
    number = first
    while True:
        if number < len(target.seeds):
            yield number, target.seeds[number]
        else:
            yield number, mutated(Random(f"{target.name}:{seed}:{number}"), target.seeds)
        number += 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what is logged and warned of: thousands of refusals."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        structlog.configure(**before)


_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
