# SPDX-License-Identifier: Apache-2.0
"""Environments of other projects, made once for what is in them and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

__all__ = ["foreign_python", "run_installer"]

UNREACHABLE = ("connection broken by", "error sending request", "dns error")
"""How pip and uv word every attempt that does not reach the registry."""


def foreign_python(name: str, contents: bytes, install: Callable[[Path], None]) -> Path:
    """Return the interpreter of the environment with these contents; ``install`` makes it in an empty folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medquorum"
    cache.mkdir(parents=True, exist_ok=True)
    environment = cache / f"{name}-{hashlib.sha256(contents).hexdigest()[:16]}"
    if not environment.exists():
        new = Path(tempfile.mkdtemp(dir=cache, prefix=f"{name}-new-"))
        try:
            install(new)
            new.replace(environment)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return environment / "bin" / "python"


def run_installer(command: Sequence[str | Path]) -> None:
    """Run pip or uv; a registry that cannot be reached skips the test."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 and any(words in done.stderr + done.stdout for words in UNREACHABLE):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
