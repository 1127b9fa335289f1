# SPDX-License-Identifier: Apache-2.0
"""A process' folder: what belongs to a task lies apart from the process' own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.clients.hospital.assembly import updates_folder
from medquorum.clients.runtime.session import held
from medquorum.core.private_files import make_private_folder


@pytest.mark.parametrize("name", ["lock", "submissions", "checkpoint", "tasks", "dealt"])
def test_any_task_name_leaves_the_process_own_files_alone(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    (state / "submissions").mkdir(parents=True)
    before = {"lock", "submissions"}
    with held(state):
        folder = updates_folder(state, name)
        make_private_folder(folder)
        (folder / "000001").mkdir()
        assert {place.name for place in state.iterdir()} == before | {"tasks"}
        assert list((state / "submissions").iterdir()) == []
