# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from medquorum.errors import ConfigError
from medquorum_federation.disk import check_disk, peer_growth

Told = Callable[..., str]
GROWTH = {"hospital": 1_000_000, "verifier": 21_000_000, "orderer": 500_000, "purged": 20_000_000}
NEEDED = 10 * (10 * 1_000_000 + 2 * 21_000_000 + 4 * 500_000)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    def call(free: int, kind: str = "fabric") -> str:
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
        stream = io.StringIO()
        check_disk(GROWTH, kind, 10, 10, tmp_path, "public", Console(file=stream, width=300))
        return stream.getvalue()

    return call


def test_growth_is_told_before_the_first_round(told: Told) -> None:
    text = told(10 * NEEDED)
    assert "about 1.0 MB a round at a peer, 540.0 MB in all" in text
    assert "public models stay for ever" in text
    assert "too little" not in text
    assert "about 21.0 MB a round at a peer, 210.0 MB in all" in told(10 * NEEDED, "devnet")
    assert "once for journals" not in text
    assert "and up to 9.0 MB once for journals" in told(10 * NEEDED, "devnet")
    assert peer_growth(GROWTH, "devnet") == 21_000_000


def test_a_disk_that_may_not_do_is_warned_of_and_one_that_cannot_refused(told: Told) -> None:
    assert "too little" in told(NEEDED)
    with pytest.raises(ConfigError, match=r"10 rounds need about 540\.0 MB .* 540\.0 MB are free") as caught:
        told(NEEDED - 1)
    assert "--dir" in caught.value.remedy
