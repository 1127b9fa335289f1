# SPDX-License-Identifier: Apache-2.0
"""Compile the kernels with the C compiler of the ``ziglang`` package, without a system compiler, headers or libc.

Called by the build hook (``verifier/hatch_build.py``); by hand:
``python -m medquorum.verifier.arithmetic.kernels.compile``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["FOLDER", "LEVELS", "compile_kernels", "library_file", "source_digest"]

FOLDER = Path(__file__).parent
LEVELS = {
    "avx512": "x86_64_v4+aes+vaes+avx512ifma+avx512vbmi+gfni",
    "avx2": "x86_64_v3+aes",
}
"""Name of a library, best first, and the processor its code is for."""
_TIMEOUT = 300.0


def library_file(level: str) -> Path:
    """Return the place of a level's library."""
    return FOLDER / f"medquorum-{level}.so"


def source_digest() -> str:
    """Return the hex SHA-256 of this file and of all C sources: a library says which it was made from."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def compile_kernels() -> list[Path]:
    """Compile all libraries beside their sources and return them; none where the machine is no x86-64 Linux.

    Raises
    ------
    subprocess.SubprocessError
        The compiler is missing or refuses; with what it said.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return []
    return [_compile(level, processor) for level, processor in LEVELS.items()]


def _sources() -> list[Path]:
    return sorted([*FOLDER.glob("*.c"), *FOLDER.glob("*.h")])


def _compile(level: str, processor: str) -> Path:
    target = library_file(level)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".compile-") as folder:
        made = Path(folder) / target.name
        command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", f"-mcpu={processor}"]
        command += ["-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-fno-sanitize=all", "-fwrapv"]
        command += ["-ffreestanding", "-nostdlib", "-shared", "-fPIC", "-s", f'-DMEDQUORUM_SOURCE="{source_digest()}"']
        command += [*(str(path) for path in _sources() if path.suffix == ".c"), "-o", str(made)]
        caches = dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), folder)
        done = subprocess.run(command, env=os.environ | caches, capture_output=True, text=True, timeout=_TIMEOUT)
        if done.returncode:
            raise subprocess.SubprocessError(done.stderr.strip() or f"the compiler ended with {done.returncode}")
        made.replace(target)
    return target


if __name__ == "__main__":
    argparse.ArgumentParser(description="Compile the kernels; prints each library's file.").parse_args()
    for library in compile_kernels():
        print(library)
