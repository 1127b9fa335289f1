# SPDX-License-Identifier: Apache-2.0
"""A network on a disk that fills up: it ends before anything is damaged, and goes on after space is made."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from medquorum.gateway import Contract, FabricError, connect_profile
from medquorum.network.cli.status import rows
from medquorum.network.supervision.waiting import await_true, becomes_true
from medquorum_testing.network.networks import Networks, RunningNetwork
from medquorum_testing.network.small_disk import SmallDisk, small_disk

SIZES = {"devnet": 200 << 20, "fabric": 2 << 30}
"""Raft's log takes 64 MiB at each orderer from the beginning."""
FABRIC = [pytest.param(("fabric", one), id=f"fabric-{one}", marks=pytest.mark.fabric) for one in ("raft", "BFT")]
VALUE = "v" * 100_000


@pytest.fixture(scope="module", params=[pytest.param(("devnet", "raft"), id="devnet"), *FABRIC])
def on_small_disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningNetwork, SmallDisk]]:
    kind, consensus = request.param
    place = tmp_path_factory.mktemp("full") / "disk"
    with small_disk(place, SIZES[kind]) as disk:
        networks = Networks(place)
        with networks.started:
            running = networks.start(kind, hospitals=1, consensus=consensus)
            running.deploy()
            running.await_acquaintance("asset")
            yield running, disk


class Writer:
    """Submits transactions one after the other until told to stop; keeps the keys that were committed."""

    def __init__(self, contract: Contract, prefix: str) -> None:
        self.committed: list[str] = []
        self.refused = ""
        self._contract, self._prefix = contract, prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"{self._prefix}{number}"
            try:
                self._contract.submit("Put", arguments=[key, VALUE])
            except FabricError as error:
                self.refused = str(error)
                self._stop.wait(0.2)
            else:
                self.committed.append(key)


def nodes(running: RunningNetwork) -> dict[str, str]:
    return {row.name: row.state for row in rows(running.network) if row.kind != "chaincode"}


@pytest.mark.parametrize("left", [8 << 20, 0], ids=["nearly full", "full at once"])
def test_a_network_on_a_full_disk_loses_nothing_and_goes_on(
    left: int, on_small_disk: tuple[RunningNetwork, SmallDisk]
) -> None:
    running, disk = on_small_disk
    channel = running.consortium.channel.name
    with connect_profile(running.profile("Hospital1"), running.label("Hospital1")) as gateway:
        contract = gateway.get_network(channel).get_contract("asset")
        with Writer(contract, f"left{left}-") as writer:
            assert becomes_true(lambda: len(writer.committed) >= 5, 60), writer.refused
            disk.fill(left)
            ended = {"running": 0, "starting": 0}
            assert becomes_true(lambda: not ended.keys() & set(nodes(running).values()), 60), nodes(running)
            disk.empty()
            await_true(lambda: set(nodes(running).values()) == {"running"}, 60, "the nodes do not go on")
            before = len(writer.committed)
            assert becomes_true(lambda: len(writer.committed) >= before + 5, 120), writer.refused
        for key in writer.committed:
            assert contract.evaluate("Get", arguments=[key]).decode() == VALUE
