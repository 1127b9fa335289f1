# SPDX-License-Identifier: Apache-2.0
"""Nothing private is open to others, whatever the umask; and nobody else decides what runs."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from medquorum.clients.data.images import Images, write_shard
from medquorum.core.private_files import make_private_folder, others_may_write, write_private
from medquorum.errors import ConfigError
from medquorum.gateway.files import write_durably
from medquorum.network.cli.doctor import examine
from medquorum.network.consortium.consortium import sample, write
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.devnet.folder import lock
from medquorum.network.devnet.ledger.block_file import BlockFiles
from medquorum.network.devnet.ledger.store import Store
from medquorum.network.devnet.ledger.transient import TransientStore
from medquorum.network.supervision.processes import Process, processes
from medquorum.verifier.service.dealing.record import Record
from medquorum.verifier.session.journal import Journal
from medquorum_testing.ledger.consortium_ledger import verification_set
from medquorum_testing.network.networks import need_fabric
from medquorum_testing.network.ports import free_port_base

UMASKS = (0o000, 0o002, 0o022)


@pytest.fixture(params=UMASKS, ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(root: Path) -> list[str]:
    found = [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077]
    return [f"{path.relative_to(root)} {path.stat().st_mode & 0o777:o}" for path in found]


def test_the_devnets_ledger_is_its_owners(umask: int, tmp_path: Path) -> None:
    """It has every organisation's private collections: updates in clear."""
    home = tmp_path / "devnet"
    held = lock(home)
    store, pending = Store(home / "ledger" / "state.db"), TransientStore(home / "transient" / "pending.db")
    with store.transaction() as connection:
        connection.execute("INSERT INTO transactions VALUES (?, 0, 0, 0)", ("one",))
    pending.keep("one", "OneMSP", 1, b"an update")
    blocks = BlockFiles(home / "blocks")
    blocks.append(b"block")
    assert {path.name for path in home.rglob("*-wal")} == {"state.db-wal", "pending.db-wal"}
    assert open_to_others(tmp_path) == []
    assert home.stat().st_mode & 0o777 == 0o700
    for one in (store, pending, blocks, held):
        one.close()


def test_images_are_their_owners(umask: int, tmp_path: Path) -> None:
    images = Images(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]))
    path = tmp_path / "data" / "verification.npz"
    path.parent.mkdir()
    path.write_bytes(b"an older release wrote this")
    path.chmod(0o644)
    write_shard(path, images)
    write_shard(tmp_path / "new" / "hospital1.npz", images)
    path.parent.chmod(0o700)
    assert open_to_others(tmp_path) == []


def test_what_is_kept_between_rounds_is_its_owners(umask: int, tmp_path: Path) -> None:
    Record(tmp_path / "dealer" / "tasks" / "demo" / "dealt").use(b"one")
    journal = tmp_path / "party" / "a.journal"
    make_private_folder(journal.parent)
    Journal(journal).begin(1, 0, "tree")
    write_durably(journal.with_name("checkpoint.json"), b"{}")
    verification_set(4).write(journal.with_name("set.safetensors"))
    assert open_to_others(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "umask"),
    [*(("devnet", umask) for umask in UMASKS), pytest.param("fabric", 0o000, marks=pytest.mark.fabric)],
    ids=lambda value: value if isinstance(value, str) else oct(value),
)
def test_a_networks_folder_is_its_owners(tmp_path: Path, kind: str, umask: int) -> None:
    """As the command lines leave it: a trial network with a deployed chaincode, and a divided data set."""
    if kind == "fabric":
        need_fabric()
    folder = tmp_path / "network"
    network = [sys.executable, "-m", "medquorum.network"]
    commands = [
        [*network, "init", "--dir", str(folder), "--sample", "small", "--hospitals", "1",
         "--port-base", str(free_port_base(150))],
        [*network, "up", "--dir", str(folder), "--network", kind],
        [*network, "deployCC", "--dir", str(folder)],
        [sys.executable, "-m", "medquorum.clients", "data", "split", "--data", "digits", "--hospitals", "2",
         "--out", str(tmp_path / "data")],
    ]  # fmt: skip
    try:
        for command in commands:
            subprocess.run(command, umask=umask, check=True, capture_output=True)
        # A program has to be one: its folder is closed.
        found = [line for line in open_to_others(tmp_path) if not line.startswith("network/config/builder/bin/")]
        assert found == []
        assert list(folder.glob("devnet/**/*.db*" if kind == "devnet" else "data/**/ledgersData/**/*"))
        failed = [one.line for one in examine(folder) if one.check in ("private data", "what runs") and not one.passed]
        assert failed == []
    finally:
        subprocess.run([*network, "down", "--dir", str(folder)], check=True, capture_output=True)


def test_what_others_may_write_does_not_run(tmp_path: Path) -> None:
    root = tmp_path / "network"
    folder = NetworkFolder(root)
    write(sample("small", hospitals=1), folder.consortium)
    Process("one", "One", "chaincode", ["true"]).save(folder)
    assert [one.name for one in processes(folder)] == ["one"]
    for place, mode, closed in (
        (folder.process("one"), 0o620, 0o600),
        (folder.process("one"), 0o602, 0o600),
        (root / "processes", 0o770, 0o700),
        (root, 0o777, 0o700),
    ):
        place.chmod(mode)
        with pytest.raises(ConfigError, match=f"others may write to {place}, which decides what runs") as raised:
            processes(folder)
        assert raised.value.remedy == f"chmod go-w {place}"
        assert [one.passed for one in examine(root) if one.check == "what runs"] == [False]
        place.chmod(closed)
    assert [one.name for one in processes(folder)] == ["one"]
    assert [one.passed for one in examine(root) if one.check == "what runs"] == [True]


def test_doctor_sees_open_data(tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path / "network")
    consortium = sample("small", hospitals=1)
    write(consortium, folder.consortium)
    tops = (folder.devnet, folder.root / "data", folder.verification(consortium.organisation("VerifierA")))
    for top in tops:
        top.mkdir(parents=True, mode=0o700)
    assert [one.passed for one in examine(folder.root) if one.check == "private data"] == [True]
    for top in tops:
        top.chmod(0o750)
        (result,) = [one for one in examine(folder.root) if one.check == "private data"]
        assert (result.passed, str(top) in result.detail, "chmod" in result.remedy) == (False, True, True)
        top.chmod(0o700)


def test_a_private_file_takes_the_place_of_an_open_one(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_private(path, "one")
    path.chmod(0o666)
    with path.open() as reader:
        write_private(path, "two")
        assert reader.read() == "one"
    assert path.read_text() == "two"
    assert open_to_others(tmp_path) == []
    assert not others_may_write(path)


def test_a_command_line_may_open_what_the_host_allows() -> None:
    program = (
        "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048));"
        "from medquorum.core.startup import prepare_process; prepare_process();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE), os.umask(0))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"(2048, 2048) {0o077}"


def test_doctor_tells_of_too_few_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, enough in ((1024, False), (4096, True), (resource.RLIM_INFINITY, True)):
        monkeypatch.setattr("resource.getrlimit", lambda _, most=most: (most, most))
        (result,) = [one for one in examine(tmp_path) if one.check == "open files"]
        assert (result.passed, "ulimit" in result.remedy) == (enough, True)
