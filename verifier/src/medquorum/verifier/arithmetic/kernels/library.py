# SPDX-License-Identifier: Apache-2.0
"""Load the best library of kernels that this processor runs, or none: then numpy and torch do the work."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import structlog

from medquorum.errors import ConfigError
from medquorum.verifier.arithmetic.kernels.compile import LEVELS, library_file, source_digest

__all__ = ["PURE", "VARIABLE", "Library", "library", "path_in_use", "usable_levels"]

VARIABLE = "MEDQUORUM_KERNELS"
"""Environment variable: the best level to use, or PURE."""
PURE = "pure"
_FLAGS = {
    "avx512": {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "avx512ifma", "avx512vbmi", "vaes", "gfni"},
    "avx2": {"avx2", "bmi1", "bmi2", "fma", "movbe", "f16c", "abm", "aes"},
}
_CPUINFO = Path("/proc/cpuinfo")
log = structlog.get_logger(__name__)

Argument: TypeAlias = npt.NDArray[Any] | int


class Library:
    """A level's compiled functions.

    Parameters
    ----------
    level
        "avx512" or "avx2".

    Raises
    ------
    OSError, AttributeError
        The file is missing or is no such library.
    ValueError
        It was compiled from other sources.
    """

    def __init__(self, level: str) -> None:
        self.level = level
        self._library = ctypes.CDLL(str(library_file(level)))
        digest = source_digest().encode()
        if bytes((ctypes.c_char * len(digest)).in_dll(self._library, "medquorum_source")) != digest:
            raise ValueError("it was compiled from other sources")

    def has(self, name: str) -> bool:
        """Return whether this level has a function: some are worth while with AVX-512 only."""
        return hasattr(self._library, name)

    def call(self, name: str, *arguments: Argument) -> None:
        """Call a function with C-contiguous arrays, passed as pointers, and 64-bit integers; drops the GIL."""
        getattr(self._library, name)(*(_converted(argument) for argument in arguments))


def _converted(argument: Argument) -> ctypes.c_void_p | ctypes.c_int64:
    if isinstance(argument, np.ndarray):
        if not argument.flags.c_contiguous:
            raise ValueError("a kernel takes contiguous arrays only")
        return ctypes.c_void_p(argument.ctypes.data)
    return ctypes.c_int64(argument)


def library() -> Library | None:
    """Return the library in use, None for the pure path; chosen once for each value of the environment variable.

    Raises
    ------
    ConfigError
        The environment variable names no level.
    """
    return _chosen(os.environ.get(VARIABLE, next(iter(LEVELS))))


def path_in_use() -> str:
    """Name the path in use: "avx512", "avx2" or "pure"."""
    kernels = library()
    return PURE if kernels is None else kernels.level


def usable_levels() -> list[str]:
    """Return the levels that this processor runs and that are there, best first."""
    return [level for level in LEVELS if isinstance(_loaded(level), Library)]


@cache
def _chosen(highest: str) -> Library | None:
    allowed = [*LEVELS, PURE]
    if highest not in allowed:
        raise ConfigError(f"{VARIABLE} is {highest!r}", f"Set it to one of {', '.join(allowed)}, or unset it")
    reasons = []
    for level in allowed[allowed.index(highest) : -1]:
        loaded = _loaded(level)
        if isinstance(loaded, Library):
            return loaded
        reasons.append(f"{level}: {loaded}")
    if reasons:
        log.warning("no compiled kernels: encrypted verification is slower", reason="; ".join(reasons))
    return None


@cache
def _loaded(level: str) -> Library | str:
    """Return a level's library, or why there is none."""
    missing = _FLAGS[level] - _processor_flags()
    if missing:
        return f"the processor lacks {', '.join(sorted(missing))}"
    try:
        return Library(level)
    except (OSError, AttributeError, ValueError) as error:
        return f"{library_file(level).name}: {error}"


@cache
def _processor_flags() -> set[str]:
    """Return the instruction sets that processor and kernel offer, as Linux names them."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
