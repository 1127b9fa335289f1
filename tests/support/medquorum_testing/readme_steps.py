# SPDX-License-Identifier: Apache-2.0
"""Follows an example's README: its commands are run as they stand there, in a copy of its folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from medquorum_testing.networks import free_port_base

__all__ = ["Example"]

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

    def run(self, commands: str, seconds: float) -> str:
        """Run commands in bash, which stops at the first that fails; gives what they print."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
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
