# SPDX-License-Identifier: Apache-2.0
"""The shim stands alone: whoever installs it gets neither numpy nor anything of Medquorum."""

import subprocess
import sys

from medquorum import shim

LOOK = """
import sys, medquorum.shim
names = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("medquorum.")}
print(sorted(names | {*sys.modules} & {"numpy", "pydantic", "torch"}))
"""


def test_importing_it_loads_nothing_else_of_the_project() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "['medquorum.shim']\n"


def test_all_that_is_named_is_there() -> None:
    assert all(hasattr(shim, name) for name in shim.__all__)
