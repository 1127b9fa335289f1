# SPDX-License-Identifier: Apache-2.0
"""Follows an example's README: its commands are run as they stand there, in a copy of its folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from medquorum_testing.network.ports import free_port_base
from medquorum_testing.places import REPOSITORY

__all__ = ["Example", "trade_assets"]

ASSET_TRANSFER = REPOSITORY / "examples" / "asset_transfer"
PROGRAMS = Path(sys.executable).parent
"""The environment's programs."""
TAKE_DOWN = "medquorum-network down --purge"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example:
    """A copy of an example's folder; ``blocks("sh")`` are the README's fenced blocks in that language."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.folder = folder / original.name
        shutil.copytree(original, self.folder)
        self._readme = (self.folder / "README.md").read_text()

    def blocks(self, language: str) -> list[str]:
        return [text for name, text in FENCED.findall(self._readme) if name == language]

    def take_free_ports(self, count: int) -> None:
        """Move the consortium's ports from those of the file to free ones: tests run side by side."""
        path = self.folder / "consortium.toml"
        text, found = re.subn(r"^port_base = .*$", f"port_base = {free_port_base(count)}", path.read_text(), flags=re.M)
        assert found == 1
        path.write_text(text)

    def run(self, commands: str, seconds: float, programs: Path = PROGRAMS) -> str:
        """Run commands in bash, which stops at the first that fails; return what they print.

        Parameters
        ----------
        programs
            The environment's folder of programs.
        """
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def trade_assets(kind: str, folder: Path, programs: Path = PROGRAMS) -> None:
    """Follow the asset-transfer README on that kind of network, and see that it prints what it says."""
    example = Example(ASSET_TRANSFER, folder)
    example.take_free_ports(130)
    steps, said = example.blocks("sh")[0], example.blocks("text")[0]
    assert steps.rstrip().endswith(TAKE_DOWN)
    try:
        printed = example.run(steps.replace("devnet", kind), 240, programs)
    finally:
        example.run(f"MEDQUORUM_DIR=network {TAKE_DOWN}", 60, programs)
    pattern = re.sub(r"block \d+", r"block \\d+", re.escape(said).replace(r"\ ", " "))
    assert re.search(pattern, printed), printed
