# SPDX-License-Identifier: Apache-2.0
"""The shim stands alone: whoever installs it gets neither numpy nor anything of Medquorum."""

import subprocess
import sys

from medquorum import shim

LOOK = """
import sys, chaincode.shim
tops = {name.split(".")[0] for name in sys.modules}
own = {name for name in sys.modules if name.startswith("chaincode.") and not name.startswith("medquorum.shim")}
print(sorted(tops & {"clients", "medquorum", "network", "numpy", "pydantic", "torch", "verifier"} | own))
"""


def test_importing_it_loads_nothing_else_of_the_project() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "[]\n"


def test_all_that_is_named_is_there() -> None:
    assert all(hasattr(shim, name) for name in shim.__all__)
