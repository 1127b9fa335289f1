# SPDX-License-Identifier: Apache-2.0
"""A walk along the chain: through changes of the configuration, from block 0 or from anywhere, at the chain's time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import Envelope, Payload
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.common.configuration_pb2 import Orderers
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, MSPConfig

from medquorum.clients.proof.blocks import reader
from medquorum.clients.proof.blocks.walk import Tip
from medquorum.clients.proof.endorsement import Endorsers
from medquorum.clients.proof.evidence import Evidence, Write, prove
from medquorum.errors import CheckFailed
from medquorum.network.devnet.orderer.genesis import genesis_envelope
from medquorum.network.identity.authority import Validity
from medquorum_testing.chain.block_forger import issued
from medquorum_testing.chain.memory_chain import CHANNEL, VERIFIERS, MemoryChain, Organisation

DAY = 86400


@pytest.fixture(params=[False, True], ids=["raft", "bft"])
def made(request: pytest.FixtureRequest) -> MemoryChain:
    return MemoryChain(bft=request.param)


def chain_of(made: MemoryChain) -> reader.Chain:
    peer: Any = made
    return reader.Chain(peer, made.trust)


def proven(made: MemoryChain, transaction: str, key: str, value: bytes, first: int | None = None) -> list[Evidence]:
    """Prove one write on a walk that begins at its block, or at another one."""
    chain = chain_of(made)
    number = chain.block_of(transaction)
    wanted = {transaction: [Write(key, "verdict", key, value)]}
    endorsers = Endorsers(VERIFIERS, 2, made.trust.authorities)
    return list(prove(chain.walk(number if first is None else first, number), chain, wanted, endorsers))


def of_member(msp: str, changed: Callable[[Any], object]) -> Callable[[Any], None]:
    """Change an organisation's MSP in a configuration."""

    def change(group: Any) -> None:
        one = group.groups["Application"].groups[msp].values["MSP"]
        value = MSPConfig.FromString(one.value)
        config = FabricMSPConfig.FromString(value.config)
        changed(config)
        value.config = config.SerializeToString()
        one.value = value.SerializeToString()

    return change


def revocation(organisation: Organisation, serialized: bytes) -> bytes:
    pem = SerializedIdentity.FromString(serialized).id_bytes
    serial, now = x509.load_pem_x509_certificate(pem).serial_number, datetime.now(UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now + timedelta(days=1)).build()
    made = x509.CertificateRevocationListBuilder().issuer_name(organisation.authority.certificate.subject)
    made = made.last_update(now).next_update(now + timedelta(days=1)).add_revoked_certificate(entry)
    return made.sign(organisation.authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def nothing(group: Any) -> None:
    """Change nothing."""


def test_a_walk_may_begin_anywhere(made: MemoryChain) -> None:
    first = made.write("a", b"1")
    made.configure(nothing)
    made.configure(nothing)
    for _ in range(3):
        last = made.write("b", b"2")
    for transaction, key, value in ((first, "a", b"1"), (last, "b", b"2")):
        for begin in (0, 1, None):
            assert proven(made, transaction, key, value, begin)[0].transaction == transaction
    tips = list(chain_of(made).walk(3, 4))
    assert [(tip.number, tip.configuration.block) for tip in tips] == [(3, 3), (4, 3)]


def test_a_write_may_need_more_endorsers_than_the_others(made: MemoryChain) -> None:
    """A conclusion stands for a majority's attestations, also where a quorum is fewer."""
    transaction = made.write("a", b"1")
    chain = chain_of(made)
    number = chain.block_of(transaction)
    endorsers = Endorsers(VERIFIERS, 1, made.trust.authorities)
    for quorum, enough in ((0, True), (2, True), (3, False)):
        wanted = {transaction: [Write("a", "conclusion", "a", b"1", quorum)]}
        if enough:
            assert list(prove(chain.walk(number, number), chain, wanted, endorsers))
        else:
            with pytest.raises(CheckFailed, match=f"{quorum} verifiers have to"):
                list(prove(chain.walk(number, number), chain, wanted, endorsers))


def test_what_lies_before_is_held_by_the_configurations_alone(made: MemoryChain) -> None:
    for _ in range(60):
        made.write("a", b"1")
    made.configure(nothing)
    last = made.write("b", b"2")
    chain = chain_of(made)
    made.reads = 0
    list(chain.walk(62, 62))
    assert made.reads <= 8, "blocks read of 63"
    made.reads = 0
    list(chain.walk(62, 62))
    assert made.reads == 1, "a configuration is checked once"
    assert proven(made, last, "b", b"2")


def test_a_long_chain_is_read_in_windows(made: MemoryChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "WINDOW", 3)
    for _ in range(10):
        made.write("a", b"1")
    assert [tip.number for tip in chain_of(made).walk(0, 10)] == list(range(11))
    with pytest.raises(CheckFailed, match="gave no block 11"):
        list(chain_of(made).walk(0, 12))


def test_a_revocation_counts_from_its_block_on(made: MemoryChain) -> None:
    before = made.write("a", b"1")
    verifier = made.members["VerifierBMSP"]
    listed = revocation(verifier, verifier.peer.serialized)
    made.configure(of_member("VerifierBMSP", lambda config: config.revocation_list.append(listed)))
    after = made.write("b", b"2")
    assert proven(made, before, "a", b"1")
    for begin in (0, None):
        with pytest.raises(CheckFailed, match="of VerifierBMSP was revoked"):
            proven(made, after, "b", b"2", begin)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda config: setattr(config.fabric_node_ous, "enable", False),
        lambda config: config.intermediate_certs.append(config.root_certs[0][:-40]),
        lambda config: config.revocation_list.append(b"no list"),
    ],
    ids=["no NodeOUs", "a broken certificate", "a broken revocation list"],
)
def test_a_member_spoils_its_own_msp_for_nobody_else(made: MemoryChain, spoil: Callable[[Any], object]) -> None:
    """Its administrator alone can have that ordered."""
    made.configure(of_member("VerifierCMSP", spoil))
    last = made.write("a", b"1")
    for begin in (0, None):
        assert proven(made, last, "a", b"1", begin)
    made.configure(of_member("VerifierBMSP", spoil))
    last = made.write("b", b"2")
    with pytest.raises(CheckFailed, match="of VerifierBMSP, an organisation that"):
        proven(made, last, "b", b"2")


def test_an_orderer_renews_its_certificate_while_nobody_writes() -> None:
    """The block it then signs states no time, and the last one stated lies before the certificate."""
    made = MemoryChain()
    later = datetime.now(UTC) + timedelta(days=30)
    orderer = made.ordering[0]
    made.orderers = [issued("Orderer1MSP", _lasting(orderer, Validity(later, later + timedelta(days=300))), "orderer")]
    first = made.write("a", b"1", at=later.timestamp() + DAY)
    made.configure(nothing)
    last = made.write("b", b"2", at=later.timestamp() + 2 * DAY)
    for transaction, key, value in ((first, "a", b"1"), (last, "b", b"2")):
        for begin in (0, None):
            assert proven(made, transaction, key, value, begin)


def test_an_organisation_that_left_endorses_no_more(made: MemoryChain) -> None:
    made.configure(lambda group: group.groups["Application"].groups.pop("VerifierBMSP"))
    after = made.write("b", b"2")
    with pytest.raises(CheckFailed, match="does not have there"):
        proven(made, after, "b", b"2")


def test_orderers_sign_by_the_configuration_before_their_block(made: MemoryChain) -> None:
    newcomer = Organisation("Orderer9MSP")
    made.configure(replace_orderers([newcomer], made))
    made.orderers = [newcomer.orderer]
    last = made.write("b", b"2")
    for begin in (0, None):
        assert proven(made, last, "b", b"2", begin)
    made.orderers = [one.orderer for one in made.ordering]
    last = made.write("c", b"3")
    for begin in (0, None):
        with pytest.raises(CheckFailed, match=r"block 3 is signed by|block 3 is not signed by"):
            proven(made, last, "c", b"3", begin)


def replace_orderers(newcomers: list[Organisation], made: MemoryChain) -> Callable[[Any], None]:
    """Have other organisations order the blocks after a configuration."""
    other = Organisation("UnusedMSP")

    def change(group: Any) -> None:

        consenters = [one.orderer for one in newcomers] if made.bft else ()
        raw = genesis_envelope(CHANNEL, [other.msp], [one.msp for one in newcomers], consenters)
        fresh = ConfigEnvelope.FromString(Payload.FromString(Envelope.FromString(raw).payload).data)
        group.groups["Orderer"].CopyFrom(fresh.config.channel_group.groups["Orderer"])

    return change


@pytest.mark.parametrize(
    ("author", "words"),
    [("admin", "does not have there"), ("orderers_admin", "whose role is admin")],
)
def test_a_configuration_is_an_orderers(made: MemoryChain, author: str, words: str) -> None:
    hospital = made.members["Hospital1MSP"].admin
    made.configure(nothing, author=hospital if author == "admin" else made.ordering[0].admin)
    with pytest.raises(CheckFailed, match=words):
        list(chain_of(made).walk(0, 1))


def test_a_peer_that_gives_another_block_than_was_asked_for_is_found(made: MemoryChain) -> None:
    for number in range(4):
        made.write(f"key{number}", b"1")
    right = made.block_events

    @contextmanager
    def another(*, start_block: int, timeout: float) -> Iterator[Iterator[Any]]:
        with right(start_block=start_block + 1 if start_block == 2 else start_block, timeout=timeout) as blocks:
            yield blocks

    made.block_events = another  # type: ignore[method-assign]
    with pytest.raises(CheckFailed, match="gave block 3 for block 2"):
        list(chain_of(made).walk(3, 4))


def test_a_configuration_left_out_is_found(made: MemoryChain) -> None:
    made.configure(nothing)
    made.sequence += 1
    made.configure(nothing)
    with pytest.raises(CheckFailed, match="number 3, the one before it is 1"):
        list(chain_of(made).walk(0, 2))


def test_another_ordering_service_is_refused(made: MemoryChain) -> None:
    made.configure(lambda group: group.groups["Orderer"].values.pop("ConsensusType"))
    with pytest.raises(CheckFailed, match="has blocks ordered by nobody"):
        list(chain_of(made).walk(0, 1))


def test_two_orderers_with_one_id_are_refused() -> None:
    made = MemoryChain(bft=True)

    def change(group: Any) -> None:
        value = group.groups["Orderer"].values["Orderers"]
        mapping = Orderers.FromString(value.value)
        mapping.consenter_mapping[1].id = 1
        value.value = mapping.SerializeToString()

    made.configure(change)
    with pytest.raises(CheckFailed, match="gives two orderers one id"):
        list(chain_of(made).walk(0, 1))


def test_an_old_time_does_not_bring_an_expired_certificate_back(made: MemoryChain) -> None:
    """Whoever has an old key states an old time; but the chain has seen later ones."""
    now = time.time()
    begin = datetime.fromtimestamp(now - 800 * DAY, UTC)
    verifier = made.members["VerifierBMSP"]
    verifier.peer = issued("VerifierBMSP", verifier.authority, "peer")
    made.write("a", b"1", at=now)
    aged = Validity(begin, begin + timedelta(days=100))
    verifier.peer = issued("VerifierBMSP", _lasting(verifier, aged), "peer")
    late = made.write("b", b"2", at=now - 750 * DAY)
    with pytest.raises(CheckFailed, match="had expired"):
        proven(made, late, "b", b"2", 0)


def _lasting(organisation: Organisation, validity: Validity) -> Any:
    return replace(organisation.authority, validity=validity)


def test_a_time_of_no_valid_transaction_counts_for_nothing(made: MemoryChain) -> None:
    """A member can have anything ordered; it turns no clock."""
    raw, _ = made.transaction("a", b"1", at=time.time() + 9000 * DAY)
    made.append(raw, codes=bytes([10]))
    last = made.write("b", b"2")
    assert proven(made, last, "b", b"2", 0)


def test_a_time_still_to_come_counts_for_nothing(made: MemoryChain) -> None:
    """Peers of Fabric 2.5 endorse whatever time a member states; else every certificate would have expired for good."""
    first = made.write("a", b"1", at=time.time() + 9000 * DAY)
    last = made.write("b", b"2")
    for begin in (0, None):
        assert proven(made, first, "a", b"1", begin)
        assert proven(made, last, "b", b"2", begin)


@pytest.mark.parametrize("raw", [b"payload of nothing", b""])
def test_a_broken_transaction_that_was_ordered_ends_no_audit(made: MemoryChain, raw: bytes) -> None:
    """Any member can have one ordered; peers refuse it."""
    broken, _ = made.transaction("a", b"1")
    payload = Payload.FromString(Envelope.FromString(broken).payload)
    payload.data = raw
    whole = payload.SerializeToString()
    who = made.members["Hospital1MSP"].client
    made.append(Envelope(payload=whole, signature=who.sign(whole)).SerializeToString(), codes=bytes([2]))
    more = Envelope(payload=whole, signature=who.sign(whole)).SerializeToString() + b"\x7a\x04more"
    made.append(more, codes=bytes([2]))
    last = made.write("b", b"2")
    tips: list[Tip] = list(chain_of(made).walk(0, 3))
    assert [tip.number for tip in tips] == [0, 1, 2, 3]
    assert proven(made, last, "b", b"2", 0)
