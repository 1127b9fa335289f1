# SPDX-License-Identifier: Apache-2.0
"""A ledger of its own for each test; the keys are made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from medquorum.network.consortium.consortium import Consortium
from medquorum.network.consortium.paths import NetworkFolder
from medquorum_testing.network.devnet_ledger import HandMadeLedger, make_folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[NetworkFolder, Consortium]:
    return make_folder(tmp_path_factory.mktemp("devnet"))


@pytest.fixture
def hand_made(template: tuple[NetworkFolder, Consortium], tmp_path: Path) -> Iterator[HandMadeLedger]:
    folder, consortium = template
    shutil.copytree(folder.root, tmp_path / "net")
    made = HandMadeLedger(NetworkFolder(tmp_path / "net"), consortium)
    yield made
    made.close()
