# SPDX-License-Identifier: Apache-2.0
"""Blocks bent in every way that an audit has to find: each is found and named, on the devnet and on real Fabric."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, Payload
from fabric_protos.gateway.gateway_pb2 import SubmitRequest
from fabric_protos.peer.proposal_pb2 import Proposal

from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.proof.audit import audit_round, audit_verdict
from medquorum.clients.proof.blocks import reader
from medquorum.clients.proof.blocks.walk import Trust
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Evidence, history
from medquorum.clients.proof.trust_root import read_root
from medquorum.core.block_header import header_hash
from medquorum.errors import CheckFailed
from medquorum.network.cli.main import main
from medquorum_testing.chain.bends import BENDS, Bend, Chain
from medquorum_testing.chain.block_forger import Keys, copied, reseal
from medquorum_testing.federation.ledger_rounds import HOSPITAL, LedgerRounds
from medquorum_testing.network.networks import Networks

ORDERING = [
    pytest.param(("devnet", "raft"), id="devnet-raft"),
    pytest.param(("devnet", "BFT"), id="devnet-bft"),
    pytest.param(("fabric", "raft"), id="fabric-raft", marks=pytest.mark.fabric),
    pytest.param(("fabric", "BFT"), id="fabric-bft", marks=pytest.mark.fabric),
]


class LyingPeer:
    """A channel through a peer that shows bent blocks."""

    def __init__(self, blocks: list[Any], numbers: dict[str, int]) -> None:
        self._blocks = blocks
        self._numbers = numbers

    @contextmanager
    def block_events(self, *, start_block: int, timeout: float) -> Iterator[Iterator[Any]]:
        yield iter(self._blocks[start_block:])

    def new_commit(self, transaction: str) -> Any:
        return Outcome(self._numbers[transaction])


@dataclass(frozen=True)
class Outcome:
    block_number: int

    def status(self, timeout: float) -> Outcome:
        return self


class RememberedLedger(Ledger):
    """Answers of an honest peer, asked once, with the ids that a lying one would give."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._answers: dict[tuple[str, ...], bytes] = {}
        self.renamed: dict[str, str] = {}
        self.told: dict[str, Callable[[bytes], bytes]] = {}
        """How a lying peer changes its answers, by the function asked."""

    def read(self, name: str, *arguments: str) -> bytes:
        key = (name, *arguments)
        if key not in self._answers:
            self._answers[key] = super().read(name, *arguments)
        answer = self.told.get(name, lambda unchanged: unchanged)(self._answers[key])
        for before, after in self.renamed.items():
            answer = answer.replace(before.encode(), after.encode())
        return answer


@dataclass(frozen=True)
class Audited:
    """A network on which a round was played, its blocks, and where the verdict's transaction lies in them."""

    ledger: RememberedLedger
    chain: Chain
    task: Any
    numbers: dict[str, int]

    def audit(self, chain: Chain, hospital: str | None = None, **told: Callable[[bytes], bytes]) -> list[Evidence]:
        """Audit round 1, or a verdict of it, as the blocks of a chain show it, and a peer that changes its answers."""
        self.ledger.renamed, self.ledger.told = chain.renamed, told
        numbers = self.numbers | {new: self.numbers[old] for old, new in chain.renamed.items()}
        peer: Any = LyingPeer(chain.blocks, numbers)
        trust = Trust("mychannel", "medquorum", chain.authorities, chain.genesis)
        endorsers = Endorsers(self.task.verifiers, self.task.quorum, chain.authorities)
        read = reader.Chain(peer, trust)
        if hospital is not None:
            return list(audit_verdict(read, self.ledger, self.task, 1, hospital, endorsers))
        return list(audit_round(read, self.ledger, self.task, 1, endorsers))

    def copy(self) -> Chain:
        return replace(self.chain, blocks=copied(self.chain.blocks), renamed={})


@pytest.fixture(scope="module", params=ORDERING)
def audited(
    request: pytest.FixtureRequest, networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Audited]:
    kind, consensus = request.param
    running = networks.start(kind, hospitals=1, consensus=consensus)
    with LedgerRounds(running, tmp_path_factory.mktemp("bent"), "bent") as rounds:
        if kind == "fabric":  # so that the round lies after a change of the channel's configuration
            assert main(["hospital", "add", "Hospital2", "--quiet", "--dir", str(running.folder.root)]) == 0
        order_odd(rounds.network(HOSPITAL))
        rounds.play(1)
        ledger = RememberedLedger(rounds.outbox(HOSPITAL), "Hospital1MSP")
        verdict = history(ledger, "verdict", ["bent", 1, "Hospital1MSP"])[0]["tx_id"]
        last = rounds.network(HOSPITAL).new_commit(history(ledger, "round", ["bent", 1])[0]["tx_id"]).status(10)
        with rounds.network(HOSPITAL).block_events(start_block=0, timeout=60) as events:
            blocks = list(itertools.islice(events, last.block_number + 1))
        numbers = {tx: (number, index) for number, index, tx in _ids(blocks)}
        keys = Keys(running.folder, running.consortium)
        authorities = read_root(running.folder.organizations / "peerOrganizations", None).authorities
        chain = Chain(blocks, *numbers[verdict], keys, authorities, header_hash(blocks[0].header))
        yield Audited(ledger, chain, rounds.task, {tx: number for tx, (number, _) in numbers.items()})
    running.network.down(purge=True)


def order_odd(network: Any) -> None:
    """Have a member order an envelope with a field more than its parts, and no transaction in it: nobody hinders it."""
    client, proposal = network._client, network.get_contract("medquorum").new_proposal("Odd")
    header = Header.FromString(Proposal.FromString(proposal._signed.proposal_bytes).header)
    payload = Payload(header=header, data=b"no transaction").SerializeToString()
    whole = Envelope(payload=payload, signature=client.identity.sign(payload)).SerializeToString() + b"\x7a\x04more"
    request = SubmitRequest(
        transaction_id=proposal.transaction_id,
        channel_id=network.channel,
        prepared_transaction=Envelope.FromString(whole),
    )
    client.submit(request, None)
    assert not network.new_commit(proposal.transaction_id).status(30).successful


def _ids(blocks: list[Any]) -> Iterator[tuple[int, int, str]]:
    for number, block in enumerate(blocks):
        for index, raw in enumerate(block.data.data):
            header = Payload.FromString(Envelope.FromString(raw).payload).header
            yield number, index, ChannelHeader.FromString(header.channel_header).tx_id


def test_a_true_chain_passes(audited: Audited) -> None:
    found = audited.audit(audited.copy())
    assert {"round", "update", "verdict", "aggregate", "model"} == {one.wrote.split()[0] for one in found}
    assert all(len(one.endorsed_by) >= 2 for one in found)


def test_a_true_verdict_passes_alone(audited: Audited) -> None:
    found = audited.audit(audited.copy(), "Hospital1MSP")
    assert {"round", "update", "verdict"} == {one.wrote.split()[0] for one in found}
    with pytest.raises(CheckFailed, match="has no verdict on Hospital2MSP"):
        audited.audit(audited.copy(), "Hospital2MSP")


def test_the_chain_has_an_odd_envelope_and_is_read_from_anywhere(audited: Audited) -> None:
    chain, number = audited.copy(), audited.chain.number
    peer: Any = LyingPeer(chain.blocks, {})
    read = reader.Chain(peer, Trust("mychannel", "medquorum", chain.authorities, chain.genesis))
    whole = list(read.walk(0, number))
    assert any(one.entry.more for tip in whole for one in tip.transactions)
    (late,) = read.walk(number, number)
    assert (late.hash, late.configuration.block) == (whole[-1].hash, whole[-1].configuration.block)


def test_a_chain_that_the_forger_sealed_anew_passes(audited: Audited) -> None:
    """So what the bends below are found by is not the sealing."""
    chain = audited.copy()
    chain.change(lambda parts: None)
    reseal(chain.blocks, chain.keys)
    assert audited.audit(chain)


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: bend.name)
def test_a_bent_chain_is_found_and_the_bend_named(audited: Audited, bend: Bend) -> None:
    chain = audited.copy()
    bend.apply(chain)
    if not bend.raw:
        reseal(chain.blocks, chain.keys)
    for hospital in (None, "Hospital1MSP"):
        with pytest.raises(CheckFailed, match=(chain.bft and bend.bft) or bend.words) as caught:
            audited.audit(chain, hospital)
        assert caught.value.check


def changed(place: str, change: Callable[[Any], object]) -> Callable[[bytes], bytes]:
    """Change a part of an answer."""

    def call(answer: bytes) -> bytes:
        document = json.loads(answer)
        change(document[place] if place else document)
        return json.dumps(document).encode()

    return call


@pytest.mark.parametrize(
    ("place", "change", "words", "check"),
    [
        (
            "updates",
            lambda found: found.clear(),
            "has updates of Hospital1MSP, the peer shows others: nobody",
            "update",
        ),
        ("verdicts", lambda found: found.clear(), "has verdicts on Hospital1MSP, the peer shows others", "verdict"),
        ("verdicts", lambda found: found["Hospital1MSP"].update(accepted=False), "has verdicts on", "verdict"),
        ("verdicts", lambda found: found["Hospital1MSP"].update(rule="none2"), "not the latest", "verdict"),
        ("round", lambda found: found.update(reason="another"), "not the latest in the history", "round"),
        ("round", lambda found: found.update(base="0" * 64), "the one before ended with", "round"),
        ("aggregates", lambda found: found.clear(), "attested by 0 of", "attestation"),
    ],
)
def test_a_peer_that_tells_another_round_is_found(
    audited: Audited, place: str, change: Callable[[Any], object], words: str, check: str
) -> None:
    with pytest.raises(CheckFailed, match=words) as caught:
        audited.audit(audited.copy(), ReadRoundStatus=changed(place, change))
    assert caught.value.check == check


def test_a_peer_that_tells_no_history_is_found(audited: Audited) -> None:
    with pytest.raises(CheckFailed, match="not the latest in the history"):
        audited.audit(audited.copy(), ReadHistory=lambda _: b"[]")


def test_there_are_at_least_thirty_ways() -> None:
    assert len({bend.name for bend in BENDS}) >= 30
