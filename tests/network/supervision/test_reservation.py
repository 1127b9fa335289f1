# SPDX-License-Identifier: Apache-2.0
"""Trials side by side: each has its ports and its folder."""

import socket
from pathlib import Path

import pytest

from medquorum.errors import NetworkError
from medquorum.network.supervision import reservation
from medquorum.network.supervision.reservation import reserved_folder, reserved_ports
from medquorum_testing.network.ports import free_port_base


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the first port of blocks that nobody uses."""
    base = free_port_base(400)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(reservation, "FIRST_PORT", base)
    monkeypatch.setattr(reservation, "STRIDE", 100)
    return base


def test_two_trials_get_ports_and_folders_of_their_own(own_places: int, tmp_path: Path) -> None:
    with reserved_ports(100) as first, reserved_ports(100) as second, reserved_folder(tmp_path / "net") as folder:
        assert (first, second) == (own_places, own_places + 100)
        with reserved_folder(tmp_path / "net") as other:
            assert (folder, other) == (tmp_path / "net", tmp_path / "net-2")
    with reserved_ports(100) as again, reserved_folder(tmp_path / "net") as folder:
        assert (again, folder) == (own_places, tmp_path / "net")


def test_a_block_with_a_taken_port_is_passed_over(own_places: int) -> None:
    with socket.create_server(("127.0.0.1", own_places + 50)), reserved_ports(100) as base:
        assert base == own_places + 100


def test_blocks_lie_below_the_ports_of_outgoing_connections(
    own_places: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "range").write_text(f"{own_places + 150} 60999\n")
    monkeypatch.setattr(reservation, "EPHEMERAL", tmp_path / "range")
    with reserved_ports(100), pytest.raises(NetworkError, match="no 100 ports in a row"), reserved_ports(100):
        pass
