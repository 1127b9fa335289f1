# SPDX-License-Identifier: Apache-2.0
"""Finds Fabric's own programs and runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medquorum.errors import BinaryMissing, NetworkError

__all__ = ["PROGRAMS", "Binaries", "find", "places"]

PROGRAMS = ("peer", "orderer", "configtxgen", "osnadmin")
REMEDY = (
    "Get the official release: curl -sSLO https://raw.githubusercontent.com/hyperledger/fabric/main/scripts/"
    "install-fabric.sh && bash install-fabric.sh binary, then export FABRIC_BIN=<that folder>/bin"
)


@dataclass(frozen=True)
class Binaries:
    """A folder that holds `PROGRAMS`."""

    home: Path

    def path(self, program: str) -> Path:
        """Path of one program."""
        return self.home / program

    def version(self, program: str = "peer") -> str:
        """Ask a program for its version, as ``3.1.5``."""
        match = re.search(r"Version: v?(\S+)", self.run(program, "-version" if program == "configtxgen" else "version"))
        return match.group(1) if match else "unknown"

    def run(self, program: str, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120) -> str:
        """Run a program to its end and return what it printed (both streams).

        Raises
        ------
        NetworkError
            When it fails or takes longer than ``timeout`` seconds, with its own last words.
        """
        command = [str(self.path(program)), *arguments]
        shown = " ".join([program, *arguments[:4]])
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NetworkError(f"`{shown}` did not run: {error}", "`medquorum-network doctor` says more") from error
        output = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise NetworkError(
                f"`{shown}` failed: {_last_words(output)}", "`medquorum-network logs` shows the nodes' own"
            )
        return output


def places(program: str) -> list[Path]:
    """List the folders to look in: on ``PATH`` the first with ``program``, then where releases are usually put."""
    on_path = shutil.which(program)
    usual = [Path.home() / "fabric/bin", Path("fabric-samples/bin"), Path.home() / "fabric-samples/bin", Path("bin")]
    return [Path(on_path).parent, *usual] if on_path else usual


def find() -> Binaries:
    """Look in ``FABRIC_BIN``, on ``PATH``, in ``~/fabric/bin`` and where the official release's script puts them.

    Raises
    ------
    BinaryMissing
        When no folder has all programs; says which one lacks and how to get the release.
    """
    given = os.environ.get("FABRIC_BIN")
    if given:
        folder = Path(given).expanduser()
        missing = _missing(folder)
        if missing:
            raise BinaryMissing(f"FABRIC_BIN={given} has no {', '.join(missing)}", REMEDY)
        return Binaries(folder)
    for folder in places("peer"):
        if not _missing(folder):
            return Binaries(folder.resolve())
    raise BinaryMissing("Fabric's binaries (peer, orderer, configtxgen, osnadmin) were not found", REMEDY)


def _missing(folder: Path) -> list[str]:
    return [program for program in PROGRAMS if not os.access(folder / program, os.X_OK)]


def _last_words(output: str) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in output.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Usage", "Flags", "-", "Global"))]
    errors = [i for i, line in enumerate(telling) if re.match("Error|panic:|.* PANI ", line)]
    return " | ".join(telling[errors[0] :][:3] if errors else telling[-3:]) or "no output"
