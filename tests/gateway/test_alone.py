# SPDX-License-Identifier: Apache-2.0
"""The gateway client stands alone: whoever installs it gets neither numpy nor anything of Medquorum."""

import subprocess
import sys

import pytest

from medquorum import gateway

LOOK = """
import sys, medquorum.gateway
names = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("medquorum.")}
print(sorted(names | {*sys.modules} & {"numpy", "structlog", "torch"}))
"""


@pytest.mark.slow
def test_importing_it_loads_nothing_else_of_the_project() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "['medquorum.gateway']\n"


def test_all_that_is_named_is_there() -> None:
    assert list(gateway.__all__) == sorted(gateway.__all__, key=lambda name: (name.islower(), name))
    assert all(hasattr(gateway, name) for name in gateway.__all__)
