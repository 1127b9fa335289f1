# SPDX-License-Identifier: Apache-2.0
"""The ways to bend a chain that an audit has to find, each with the words by which the audit names it.

Each takes a copy of a true chain whose ``target`` transaction wrote a verdict. Where a bend is not ``raw`` the forger
then makes all hashes and the orderers' signatures fit again, so that what is found is the bend itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import (
    BlockMetadataIndex,
    ChannelHeader,
    Envelope,
    HeaderType,
    Metadata,
    OrdererBlockMetadata,
    Payload,
    SignatureHeader,
)
from fabric_protos.common.configtx_pb2 import ConfigEnvelope
from fabric_protos.ledger.rwset.kvrwset.kv_rwset_pb2 import KVRWSet
from fabric_protos.ledger.rwset.rwset_pb2 import TxReadWriteSet
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.msp.msp_config_pb2 import FabricMSPConfig, MSPConfig
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction

from medquorum.clients.proof.authorities import Authorities
from medquorum.network.identity.authority import Validity, new_authority
from medquorum.network.identity.msp import P256_ORDER, Signer
from medquorum_testing.block_forger import FUTURE, PAST, Keys, Parts, digest, issued, sign

__all__ = ["BENDS", "Bend", "Chain"]


@dataclass
class Chain:
    """Blocks to bend, where the target lies, and what the caller believes."""

    blocks: list[Any]
    number: int
    index: int
    keys: Keys
    authorities: Authorities
    genesis: bytes | None
    renamed: dict[str, str] = field(default_factory=dict)
    """Ids that the lying peer's histories give in place of the true ones."""

    @property
    def bft(self) -> bool:
        return self.keys.consortium.consensus == "BFT"

    @property
    def block(self) -> Any:
        return self.blocks[self.number]

    @property
    def raw(self) -> bytes:
        return bytes(self.block.data.data[self.index])

    @raw.setter
    def raw(self, value: bytes) -> None:
        self.block.data.data[self.index] = value

    @property
    def envelope(self) -> Any:
        return Envelope.FromString(self.raw)

    def change(self, changed: Callable[[Parts], object]) -> None:
        """Change the target, signed anew by all who have to."""
        parts = Parts(self.raw, self.keys)
        before = parts.id
        changed(parts)
        self.raw = parts.seal()
        if parts.id != before:
            self.renamed[before] = parts.id


@dataclass(frozen=True)
class Bend:
    """One way to bend; ``words`` is how the audit names it, for SmartBFT ``bft`` where that differs."""

    name: str
    words: str
    apply: Callable[[Chain], object]
    raw: bool = False
    bft: str = ""


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _drop(chain: Chain) -> None:
    del chain.blocks[chain.number]


def _renumber(chain: Chain) -> None:
    chain.block.header.number += 1


def _rehash(chain: Chain) -> None:
    chain.change(lambda parts: setattr(parts.action.response, "message", "another"))
    chain.block.header.data_hash = digest(b"".join(chain.block.data.data))


def _signatures(chain: Chain, changed: Callable[[Any], object]) -> None:
    fields = chain.block.metadata.metadata
    metadata = Metadata.FromString(fields[BlockMetadataIndex.SIGNATURES])
    changed(metadata)
    fields[BlockMetadataIndex.SIGNATURES] = metadata.SerializeToString()


def _no_signature(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.ClearField("signatures"))


def _below_quorum(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.signatures.__delitem__(slice(2 if chain.bft else 0, None)))


def _twice(chain: Chain) -> None:
    _signatures(chain, lambda metadata: metadata.signatures.append(metadata.signatures[0]))


def _garbled(chain: Chain) -> None:
    _signatures(chain, lambda metadata: setattr(metadata.signatures[-1], "signature", b"0" * 70))


def _high_s(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def _orderer_high_s(chain: Chain) -> None:
    def changed(metadata: Any) -> None:
        metadata.signatures[0].signature = _high_s(metadata.signatures[0].signature)

    _signatures(chain, changed)


def _signed_by(chain: Chain, signer: Signer, number: int = 1) -> None:
    sign(chain.block, [signer], bft=chain.bft, first=number)


def _by_a_peer(chain: Chain) -> None:
    _signed_by(chain, chain.keys.node("VerifierAMSP"), 99)


def _by_an_admin(chain: Chain) -> None:
    _signed_by(chain, chain.keys.user(chain.keys.consortium.orderers[0].msp_id, "Admin"))


def _by_a_false_orderer(chain: Chain) -> None:
    _signed_by(chain, chain.keys.stranger(chain.keys.consortium.orderers[0].msp_id, "orderer"))


def _last_configuration(chain: Chain) -> None:
    def changed(metadata: Any) -> None:
        value = OrdererBlockMetadata.FromString(metadata.value)
        value.last_config.index = chain.number - 1
        metadata.value = value.SerializeToString()

    _signatures(chain, changed)


def _codes(chain: Chain, codes: bytes) -> None:
    chain.block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER] = codes


def _invalid(chain: Chain) -> None:
    codes = bytearray(chain.block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER])
    codes[chain.index] = 11
    _codes(chain, bytes(codes))


def _unknown_code(chain: Chain) -> None:
    _codes(chain, bytes([77] * len(chain.block.data.data)))


def _merged(chain: Chain) -> None:
    chain.raw = chain.raw + bytes(chain.blocks[1].data.data[0])


def _split(chain: Chain) -> None:
    parts = [_field(1, chain.envelope.payload), _field(2, chain.envelope.signature)]
    entries = [*chain.block.data.data[: chain.index], *parts, *chain.block.data.data[chain.index + 1 :]]
    chain.block.data.data[:] = entries
    _codes(chain, bytes(len(entries)))


def _swapped(chain: Chain) -> None:
    chain.raw = _field(2, chain.envelope.signature) + _field(1, chain.envelope.payload)


def _repeated(chain: Chain) -> None:
    chain.raw = chain.raw + _field(2, chain.envelope.signature)


def _long_length(chain: Chain) -> None:
    """Write the signature's length in one byte more than it needs."""
    signature = chain.envelope.signature
    chain.raw = _field(1, chain.envelope.payload) + bytes([0x12, len(signature) | 0x80, 0]) + signature


def _more(chain: Chain) -> None:
    chain.raw = chain.raw + _field(15, b"more")


def _unsigned(chain: Chain) -> None:
    chain.raw = _field(1, chain.envelope.payload)


def _no_protobuf(chain: Chain) -> None:
    chain.raw = b"\xff" * 40


def _garbage_author(chain: Chain) -> None:
    envelope = chain.envelope
    envelope.signature = _flipped(envelope.signature)
    chain.raw = envelope.SerializeToString()


def _author_high_s(chain: Chain) -> None:
    envelope = chain.envelope
    envelope.signature = _high_s(envelope.signature)
    chain.raw = envelope.SerializeToString()


def _broken_creator(parts: Parts) -> None:
    broken = SerializedIdentity(mspid="VerifierAMSP", id_bytes=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END")
    who = parts.creator
    who.serialized = broken.SerializeToString()
    parts.by(who)


def _other_channel(parts: Parts) -> None:
    parts.channel.channel_id = "staging"


def _endorsed_elsewhere(parts: Parts) -> None:
    parts.proposed = type(parts.channel).FromString(parts.channel.SerializeToString())
    parts.proposed.channel_id = "staging"


def _other_arguments(chain: Chain) -> None:
    """Let the endorsements stay what they are, and show another proposal for them."""
    parts = Parts(chain.raw, chain.keys)
    parts.seal()
    response = parts.response.SerializeToString()
    parts.proposal = parts.proposal.replace(b"VerifyUpdate", b"VerifyUpdat3")
    raw = parts.seal()
    chain.raw = _with_response(raw, response, parts)


def _with_response(raw: bytes, response: bytes, parts: Parts) -> bytes:
    payload = Payload.FromString(Envelope.FromString(raw).payload)
    transaction = Transaction.FromString(payload.data)
    action = ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    action.action.proposal_response_payload = response
    for endorsement, one in zip(action.action.endorsements, parts.endorsers, strict=True):
        endorsement.signature = one.sign(response + one.serialized)
    transaction.actions[0].payload = action.SerializeToString()
    payload.data = transaction.SerializeToString()
    whole = payload.SerializeToString()
    return bytes(Envelope(payload=whole, signature=parts.creator.sign(whole)).SerializeToString())


def _other_id(chain: Chain) -> None:
    def changed(parts: Parts) -> None:
        parts.channel.tx_id = "0" * 64

    chain.change(changed)


def _other_chaincode(parts: Parts) -> None:
    parts.action.chaincode_id.name = "another"


def _failed(parts: Parts) -> None:
    parts.action.response.status = 500


def _other_author_inside(parts: Parts) -> None:
    other = type(parts.author).FromString(parts.author.SerializeToString())
    other.nonce = b"another"
    parts.inner = other.SerializeToString()


def _endorsers(make: Callable[[Keys, str], Signer]) -> Callable[[Chain], None]:
    """Have the same organisations endorse by other certificates."""

    def bend(chain: Chain) -> None:
        def changed(parts: Parts) -> None:
            parts.endorsers = [make(chain.keys, one.msp_id) for one in parts.endorsers]

        chain.change(changed)

    return bend


def _hospital_endorses(chain: Chain) -> None:
    """A hospital's peer signs in the verifiers' place."""

    def changed(parts: Parts) -> None:
        parts.endorsers = [chain.keys.node("Hospital1MSP")]

    chain.change(changed)


def _in_anothers_name(chain: Chain) -> None:
    def changed(parts: Parts) -> None:
        forger = chain.keys.node("Hospital1MSP")
        pem = SerializedIdentity.FromString(forger.serialized).id_bytes
        forger.serialized = SerializedIdentity(mspid="VerifierBMSP", id_bytes=pem).SerializeToString()
        parts.endorsers = [parts.endorsers[0], forger]

    chain.change(changed)


def _too_few(chain: Chain) -> None:
    chain.change(lambda parts: parts.endorsers.__delitem__(slice(1, None)))


def _one_twice(chain: Chain) -> None:
    def changed(parts: Parts) -> None:
        parts.endorsers = [parts.endorsers[0]] * 2

    chain.change(changed)


def _signing(make: Callable[[Signer, bytes], bytes]) -> Callable[[Chain], None]:
    return lambda chain: chain.change(lambda parts: setattr(parts, "endorse", make))


def _writes(chain: Chain, changed: Callable[[Any], object]) -> None:
    """Change what the target writes for the chaincode; its endorsers sign that."""

    def bend(parts: Parts) -> None:
        results = TxReadWriteSet.FromString(parts.action.results)
        for space in results.ns_rwset:
            if space.namespace == parts.action.chaincode_id.name:
                public = KVRWSet.FromString(space.rwset)
                changed(public)
                space.rwset = public.SerializeToString()
        parts.action.results = results.SerializeToString()

    chain.change(bend)


def _value(public: Any) -> None:
    for write in public.writes:
        write.value += b" "


def _deleted(public: Any) -> None:
    for write in public.writes:
        write.is_delete, write.value = True, b""


def _key_twice(public: Any) -> None:
    public.writes.append(public.writes[0])


def _no_writes(public: Any) -> None:
    del public.writes[:]


def _twice_in_chain(chain: Chain) -> None:
    chain.blocks[chain.number + 1].data.data.append(chain.raw)
    _codes_of(chain.blocks[chain.number + 1])


def _codes_of(block: Any) -> None:
    block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER] = bytes(len(block.data.data))


def _left_out(chain: Chain) -> None:
    """The block keeps its place, and holds another transaction in the target's."""
    chain.raw = bytes(chain.blocks[1].data.data[0])


def _configurations(chain: Chain, changed: Callable[[Any], object]) -> None:
    """Change every configuration alike; the caller does not know block 0 beforehand."""
    chain.genesis = None
    for block in chain.blocks:
        envelope = Envelope.FromString(block.data.data[0])
        payload = Payload.FromString(envelope.payload)
        if ChannelHeader.FromString(payload.header.channel_header).type != HeaderType.CONFIG:
            continue
        config = ConfigEnvelope.FromString(payload.data)
        changed(config.config.channel_group)
        payload.data = config.SerializeToString(deterministic=True)
        envelope.payload = payload.SerializeToString()
        creator = SignatureHeader.FromString(payload.header.signature_header).creator
        for one in chain.keys.orderers if block.header.number else ():
            if SerializedIdentity.FromString(creator).mspid == one.msp_id:
                envelope.signature = one.sign(envelope.payload)
        block.data.data[0] = envelope.SerializeToString()


def _msp(group: Any, msp: str, changed: Callable[[Any], object]) -> None:
    for one in group.groups["Application"].groups.values():
        value = MSPConfig.FromString(one.values["MSP"].value)
        config = FabricMSPConfig.FromString(value.config)
        if config.name == msp:
            changed(config)
            value.config = config.SerializeToString()
            one.values["MSP"].value = value.SerializeToString()


def _revoked_in_channel(chain: Chain) -> None:
    endorser = Parts(chain.raw, chain.keys).endorsers[0]
    crl = chain.keys.revocation(endorser.msp_id, endorser.serialized).public_bytes(Encoding.PEM)
    _configurations(chain, lambda group: _msp(group, endorser.msp_id, lambda msp: msp.revocation_list.append(crl)))


def _revoked_in_folder(chain: Chain) -> None:
    endorser = Parts(chain.raw, chain.keys).endorsers[0]
    found = chain.keys.revocation(endorser.msp_id, endorser.serialized)
    roots = {one.msp_id: [chain.keys.authority(one.msp_id).certificate] for one in chain.keys.consortium.everyone}
    chain.authorities = Authorities(roots, revocations={endorser.msp_id: [found]})


def _false_authority(chain: Chain) -> None:
    """The peer's own block 0 knows another authority under a verifier's name, which then endorses."""
    msp = Parts(chain.raw, chain.keys).endorsers[0].msp_id
    authority = new_authority("ca", "forged.example.com", Validity.years(1))
    chain.change(lambda parts: parts.endorsers.__setitem__(0, issued(msp, authority, "peer")))
    chain.genesis = None

    def changed(config: Any) -> None:
        config.root_certs[:] = [authority.pem]
        for role in ("client", "peer", "admin", "orderer"):
            getattr(config.fabric_node_ous, f"{role}_ou_identifier").certificate = authority.pem

    _configurations(chain, lambda group: _msp(group, msp, changed))


def _signed_genesis(chain: Chain) -> None:
    chain.genesis = None
    chain.blocks[0].data.data[0] += _field(2, b"signed")


def _other_genesis(chain: Chain) -> None:
    known = chain.genesis
    _configurations(chain, lambda group: setattr(group, "version", group.version + 1))
    chain.genesis = known


def _second_configuration(chain: Chain) -> None:
    """A member has the peer show a configuration that no orderer wrote."""
    payload = Payload.FromString(Envelope.FromString(chain.blocks[0].data.data[0]).payload)
    author = chain.keys.user("Hospital1MSP", "Admin")
    payload.header.signature_header = SignatureHeader(creator=author.serialized, nonce=b"n").SerializeToString()
    whole = payload.SerializeToString()
    chain.block.data.data[:] = [Envelope(payload=whole, signature=author.sign(whole)).SerializeToString()]
    _codes(chain, b"\0")


BENDS = [
    # The chain.
    Bend(
        "a byte of a transaction",
        "are not those its header names",
        lambda c: setattr(c, "raw", _flipped(c.raw)),
        raw=True,
    ),
    Bend(
        "the hash before",
        "does not follow the block before",
        lambda c: setattr(c.block.header, "previous_hash", bytes(32)),
        raw=True,
    ),
    Bend("a block left out", "block .* is missing", _drop, raw=True),
    Bend("another block number", "block .* is missing", _renumber, raw=True),
    Bend("a transaction and the header", "block .* is not signed by", _rehash, raw=True),
    Bend("another block 0", "block 0 has the hash", _other_genesis),
    Bend("a signed block 0", "block 0 is not exactly one payload", _signed_genesis),
    Bend(
        "a configuration by a member",
        "an organisation that the channel's configuration does not have",
        _second_configuration,
    ),
    # The orderers.
    Bend("no orderer's signature", "signed by no orderer", _no_signature, raw=True),
    Bend("a garbled orderer's signature", "block .* is not signed by", _garbled, raw=True),
    Bend("an orderer's signature with a high S", "has a high S", _orderer_high_s, raw=True),
    Bend("an orderer twice", "signed twice by one orderer", _twice, raw=True),
    Bend("a peer in an orderer's place", "does not have there", _by_a_peer, raw=True, bft="orderer 99, which"),
    Bend(
        "an administrator in an orderer's place",
        "whose role is admin",
        _by_an_admin,
        raw=True,
        bft="block .* is not signed by",
    ),
    Bend(
        "a false orderer", "not issued by its authority", _by_a_false_orderer, raw=True, bft="block .* is not signed by"
    ),
    Bend("another last configuration", "names block .* as the last configuration", _last_configuration),
    Bend("too few orderers", "have to", _below_quorum, raw=True),
    # The entries.
    Bend("two entries merged", "is not exactly one payload and one signature", _merged),
    Bend("an entry split", "is not exactly one payload and one signature", _split),
    Bend("fields in another order", "is not exactly one payload and one signature", _swapped),
    Bend("a field twice", "is not exactly one payload and one signature", _repeated),
    Bend("a length in another form", "is not exactly one payload and one signature", _long_length),
    Bend("an entry without signature", "is not exactly one payload and one signature", _unsigned),
    Bend("an entry that is no envelope", "is not a Envelope", _no_protobuf),
    Bend("another field", "more than a payload and a signature", _more),
    Bend("no validation code", "entries and 0 validation codes", lambda c: _codes(c, b"")),
    Bend("an unknown validation code", "of the unknown code 77", _unknown_code),
    Bend("an invalid transaction", "is MVCC_READ_CONFLICT", _invalid),
    # The author.
    Bend("another channel's transaction", "is of the channel 'staging'", lambda c: c.change(_other_channel)),
    Bend("a garbage author's signature", "is not signed by", _garbage_author),
    Bend("an author's signature with a high S", "has a high S", _author_high_s),
    Bend(
        "a false author",
        "not issued by its authority",
        lambda c: c.change(lambda p: p.by(c.keys.stranger(p.creator.msp_id, "client"))),
    ),
    Bend(
        "an expired author",
        "had expired",
        lambda c: c.change(lambda p: p.by(c.keys.issue(p.creator.msp_id, "client", PAST))),
    ),
    Bend("a peer as author", "whose role is peer", lambda c: c.change(lambda p: p.by(c.keys.node(p.creator.msp_id)))),
    Bend("an author without certificate", "cannot be read", lambda c: c.change(_broken_creator)),
    Bend("another id", "has not the id of its nonce and author", _other_id),
    Bend("two actions", "has 2 actions", lambda c: c.change(lambda p: setattr(p, "actions", 2))),
    Bend("an action by another author", "is by another author", lambda c: c.change(_other_author_inside)),
    # The endorsements.
    Bend("endorsed on another channel", "was endorsed for another proposal", lambda c: c.change(_endorsed_elsewhere)),
    Bend("other arguments than endorsed", "was endorsed for another proposal", _other_arguments),
    Bend("another chaincode", "is not a success of the chaincode", lambda c: c.change(_other_chaincode)),
    Bend("a refusal", "is not a success of the chaincode", lambda c: c.change(_failed)),
    Bend("endorsed by clients", "whose role is client, not peer", _endorsers(lambda k, msp: k.user(msp))),
    Bend(
        "endorsed by administrators", "whose role is admin, not peer", _endorsers(lambda k, msp: k.user(msp, "Admin"))
    ),
    Bend("endorsed without a role", "has not exactly one role", _endorsers(lambda k, msp: k.issue(msp, None))),
    Bend("endorsed by expired certificates", "had expired", _endorsers(lambda k, msp: k.issue(msp, "peer", PAST))),
    Bend(
        "endorsed by certificates of later",
        "did not hold before",
        _endorsers(lambda k, msp: k.issue(msp, "peer", FUTURE)),
    ),
    Bend(
        "endorsed by a false peer",
        "was not issued by its authority",
        _endorsers(lambda k, msp: k.stranger(msp, "peer")),
    ),
    Bend("endorsed in another's name", "was not issued by its authority", _in_anothers_name),
    Bend("endorsed by a peer revoked in the channel", "was revoked", _revoked_in_channel),
    Bend("endorsed by a peer revoked in the folder", "was revoked", _revoked_in_folder),
    Bend("endorsed by the channel's false authority", "was not issued by its authority", _false_authority),
    Bend("endorsed with a high S", "has a high S", _signing(lambda one, signed: _high_s(one.sign(signed)))),
    Bend("a garbled endorsement", "is not signed by", _signing(lambda one, signed: one.sign(signed + b"x"))),
    Bend("too few endorsements", "verifiers have to", _too_few),
    Bend("one endorser twice", "verifiers have to", _one_twice),
    Bend("endorsed by a hospital", "no verifier", _hospital_endorses),
    # The documents.
    Bend("another value", "is not what transaction .* wrote", lambda c: _writes(c, _value)),
    Bend("a deletion", "is not what transaction .* wrote", lambda c: _writes(c, _deleted)),
    Bend("no write", "is not what transaction .* wrote", lambda c: _writes(c, _no_writes)),
    Bend("a key written twice", "writes a key twice", lambda c: _writes(c, _key_twice)),
    Bend("a transaction twice", "is in the chain twice", _twice_in_chain),
    Bend("a transaction left out", "is not in the block its peer names", _left_out),
]
