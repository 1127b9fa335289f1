# SPDX-License-Identifier: Apache-2.0
"""A newcomer follows the README of the asset-transfer example, on the devnet and on real Fabric."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum_testing.network.networks import need_fabric
from medquorum_testing.readme_steps import trade_assets


@pytest.mark.parametrize("kind", ["devnet", pytest.param("fabric", marks=pytest.mark.fabric)])
def test_the_readme_can_be_followed(kind: str, tmp_path: Path) -> None:
    if kind == "fabric":
        need_fabric()
    trade_assets(kind, tmp_path)
