# SPDX-License-Identifier: Apache-2.0
"""A newcomer follows the README of the asset-transfer example, on the devnet and on real Fabric."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medquorum_testing.networks import need_fabric
from medquorum_testing.readme_steps import Example

ORIGINAL = Path(__file__).parents[2] / "examples" / "asset_transfer"
TAKE_DOWN = "medquorum-network down --purge"


@pytest.mark.parametrize("kind", ["devnet", pytest.param("fabric", marks=pytest.mark.fabric)])
def test_the_readme_can_be_followed(kind: str, tmp_path: Path) -> None:
    if kind == "fabric":
        need_fabric()
    example = Example(ORIGINAL, tmp_path)
    example.take_free_ports(130)
    steps, said = example.blocks("sh")[0], example.blocks("text")[0]
    assert steps.rstrip().endswith(TAKE_DOWN)
    try:
        printed = example.run(steps.replace("devnet", kind), 240)
    finally:
        example.run(f"MEDQUORUM_DIR=network {TAKE_DOWN}", 60)
    pattern = re.sub(r"block \d+", r"block \\d+", re.escape(said).replace(r"\ ", " "))
    assert re.search(pattern, printed), printed
