# SPDX-License-Identifier: Apache-2.0
"""A run in a folder that has a network of another size."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import sample, write
from medquorum_federation.network import check_folder, running_network


def test_too_few_hospitals_are_refused_and_too_many_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(sample("quickstart", hospitals=4), tmp_path / "consortium.toml")
    with pytest.raises(ConfigError, match="has 4 hospitals, not 5"):
        check_folder(tmp_path, "devnet", 5)
    called: list[str] = []
    monkeypatch.setattr(
        "medquorum_federation.network.run_tool",
        lambda tool, verb, *rest, **_: called.append(verb) or '{"supervisors": []}',
    )
    with running_network(tmp_path, "devnet", 3):
        assert "has 4 hospitals: all their peers run, 3 of them train" in capsys.readouterr().err
    with running_network(tmp_path, "devnet", 4):
        assert capsys.readouterr().err == ""
    assert called == ["status", "up", "deployCC", "down"] * 2
