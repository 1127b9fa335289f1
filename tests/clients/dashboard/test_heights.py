# SPDX-License-Identifier: Apache-2.0
"""How far each peer is: asked in the background, and an answer that fails is none."""

from __future__ import annotations

import threading
from typing import Any

from fabric_protos.common.ledger_pb2 import BlockchainInfo

from medquorum.clients.dashboard.heights import Heights
from medquorum.gateway import GatewayError


class Network:
    """A gateway to peers of which one answers, one is away and one talks nonsense."""

    channel = "mychannel"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_contract(self, name: str) -> Network:
        assert name == "qscc"
        return self

    def evaluate(self, name: str, *, arguments: Any, endorsing_organizations: list[str], timeout: float) -> bytes:
        assert (name, arguments) == ("GetChainInfo", ["mychannel"])
        (organisation,) = endorsing_organizations
        self.asked.append(organisation)
        if organisation == "AwayMSP":
            raise GatewayError("away")
        return b"\xff" if organisation == "OddMSP" else BlockchainInfo(height=7).SerializeToString()


def test_what_is_known_is_told_at_once_and_asked_for_anew_when_old() -> None:
    network: Any = Network()
    changed = threading.Event()
    heights = Heights(network, changed.set)
    organisations = ["AwayMSP", "HereMSP", "OddMSP"]
    assert heights.known(organisations) == {}
    assert changed.wait(10)
    assert heights.known(organisations) == {"AwayMSP": None, "HereMSP": 7, "OddMSP": None}
    assert sorted(network.asked) == organisations
