# SPDX-License-Identifier: Apache-2.0
"""A run in a folder that has a network already: of another size or kind, its own or not, or under another run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medquorum.errors import ConfigError
from medquorum.network.consortium.consortium import load, sample, write
from medquorum.network.network import Network
from medquorum_federation.network import MARKER, check_folder, running_network, trial_folder
from medquorum_testing.network.ports import free_port_base


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is done to the network; nothing is started."""
    verbs: list[str] = []
    for verb in ("up", "deploy", "down"):
        monkeypatch.setattr(Network, verb, lambda self, *rest, verb=verb, **_: verbs.append(verb))
    return verbs


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    def make(*, hospitals: int = 4, kind: str = "devnet", own: bool = False) -> Path:
        folder = tmp_path / "net"
        write(sample("quickstart", hospitals=hospitals, port_base=free_port_base(300)), folder / "consortium.toml")
        (folder / "network").write_text(kind + "\n")
        if own:
            (folder / MARKER).touch()
        return folder

    return make


def test_too_few_hospitals_are_refused_and_too_many_told(
    made: Callable[..., Path], called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(hospitals=4)
    with pytest.raises(ConfigError, match="has 4 hospitals, not 5"):
        check_folder(folder, "devnet", 5)
    with running_network(folder, "devnet", 3):
        assert "has 4 hospitals: all their peers run, 3 of them train" in capsys.readouterr().err
    with running_network(folder, "devnet", 4):
        assert capsys.readouterr().err == ""
    assert called == ["up", "deploy", "down"] * 2


@pytest.mark.parametrize("other", [{"hospitals": 6}, {"hospitals": 2}, {"kind": "fabric"}])
def test_an_own_stopped_folder_of_other_options_is_moved_aside(
    other: dict[str, object], made: Callable[..., Path], called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(**{"own": True, **other})
    (folder / "kept").touch()
    assert len(check_folder(folder, "devnet", 4).having("hospital")) == 4
    with running_network(folder, "devnet", 4, port_base=free_port_base(300)) as network:
        assert network.directory == folder
        assert len(load(folder / "consortium.toml").having("hospital")) == 4
    (aside,) = folder.parent.glob("net.before-*")
    assert (aside / "kept").exists()
    assert f"moved to {aside}" in capsys.readouterr().err


def test_a_folder_of_somebody_else_or_of_the_same_options_stays(made: Callable[..., Path], called: list[str]) -> None:
    folder = made(kind="fabric")
    with pytest.raises(ConfigError, match="is of kind fabric, not devnet"):
        check_folder(folder, "devnet", 4)
    folder = made(own=True)
    with running_network(folder, "devnet", 4):
        pass
    assert not list(folder.parent.glob("net.before-*"))


def test_a_second_run_beside_takes_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = tmp_path / "net"
    with trial_folder(wanted) as first, trial_folder(wanted) as second:
        assert (first, second) == (wanted, tmp_path / "net-2")
    assert f"Another trial runs in {wanted}" in capsys.readouterr().err
