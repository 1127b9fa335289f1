# SPDX-License-Identifier: Apache-2.0
"""Bends of what was endorsed, and of who endorsed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common.common_pb2 import Envelope, Payload
from fabric_protos.msp.identities_pb2 import SerializedIdentity
from fabric_protos.peer.transaction_pb2 import ChaincodeActionPayload, Transaction

from medquorum.clients.proof.identities.authorities import Authorities
from medquorum.network.identity.authority import Validity, new_authority
from medquorum.network.identity.msp import Signer
from medquorum_testing.chain.bends.bend import Bend, Chain, high_s
from medquorum_testing.chain.bends.configurations import change_configurations, change_msp
from medquorum_testing.chain.block_forger import FUTURE, PAST, Keys, Parts, issued

__all__ = ["ENDORSEMENTS"]


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


def _other_chaincode(parts: Parts) -> None:
    parts.action.chaincode_id.name = "another"


def _failed(parts: Parts) -> None:
    parts.action.response.status = 500


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


def _revoked_in_channel(chain: Chain) -> None:
    endorser = Parts(chain.raw, chain.keys).endorsers[0]
    crl = chain.keys.revocation(endorser.msp_id, endorser.serialized).public_bytes(Encoding.PEM)
    change_configurations(
        chain, lambda group: change_msp(group, endorser.msp_id, lambda msp: msp.revocation_list.append(crl))
    )


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

    change_configurations(chain, lambda group: change_msp(group, msp, changed))


ENDORSEMENTS = [
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
    Bend("endorsed with a high S", "has a high S", _signing(lambda one, signed: high_s(one.sign(signed)))),
    Bend("a garbled endorsement", "is not signed by", _signing(lambda one, signed: one.sign(signed + b"x"))),
    Bend("too few endorsements", "verifiers have to", _too_few),
    Bend("one endorser twice", "verifiers have to", _one_twice),
    Bend("endorsed by a hospital", "no verifier", _hospital_endorses),
]
