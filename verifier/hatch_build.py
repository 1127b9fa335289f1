# SPDX-License-Identifier: Apache-2.0
"""Build hook: compiles the encrypted engine's kernels into the wheel, or beside their sources when editable."""

from __future__ import annotations

import importlib.machinery
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILE = Path(__file__).parent / "src" / "medquorum" / "verifier" / "arithmetic" / "kernels" / "compile.py"


class KernelHook(BuildHookInterface[Any]):
    """Compiles; a wheel without kernels works too, slower."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell hatchling which files to take."""
        try:
            made = _compile_module().compile_kernels()
        except (OSError, subprocess.SubprocessError) as error:
            self.app.display_warning(f"The kernels were not compiled; encrypted verification will be slower: {error}")
            return
        if made:
            build_data["artifacts"] += [str(path.relative_to(self.root)) for path in made]
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_')}"


def _compile_module() -> ModuleType:
    """Load ``compile.py`` by its path: the package itself is not installed yet."""
    loader = importlib.machinery.SourceFileLoader("compile_kernels", str(COMPILE))
    module = ModuleType(loader.name)
    module.__file__ = str(COMPILE)
    loader.exec_module(module)
    return module
