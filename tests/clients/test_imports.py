# SPDX-License-Identifier: Apache-2.0
"""What a process loads: torch costs seconds and half a gigabyte, and only training and encrypted tasks need it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from medquorum.core import model as modelformat
from medquorum.core.model import catalogue


@pytest.mark.parametrize("module", ["clients.cli", "hospital", "admin", "auditor"])
def test_torch_is_not_loaded_before_it_is_needed(module: str) -> None:
    look = f"import sys, medquorum.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=60).returncode == 0


def test_a_given_initial_model_needs_no_torch(tmp_path: Path) -> None:
    description = modelformat.parse(catalogue.mlp((1, 2, 2), 3))
    tensors = {spec.name: np.full(spec.shape, 0.5) for spec in modelformat.layout(description)}
    save_file(tensors, tmp_path / "model.safetensors")
    look = """
import sys
from pathlib import Path
sys.modules["torch"] = None
from medquorum.clients.admin.api import initial_model
from medquorum.core import model
from medquorum.core.model import catalogue
packed = initial_model(model.parse(catalogue.mlp((1, 2, 2), 3)), Path(sys.argv[1]), 0)
assert packed == (1 << 15).to_bytes(4, "little") * (len(packed) // 4)
"""
    subprocess.run([sys.executable, "-c", look, str(tmp_path / "model.safetensors")], timeout=60, check=True)
