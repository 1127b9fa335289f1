# SPDX-License-Identifier: Apache-2.0
"""Bends of a transaction's author, signature and id."""

from __future__ import annotations

from fabric_protos.msp.identities_pb2 import SerializedIdentity

from medquorum_testing.chain.bends.bend import Bend, Chain, flipped, high_s
from medquorum_testing.chain.block_forger import PAST, Parts

__all__ = ["AUTHORS"]


def _garbage_author(chain: Chain) -> None:
    envelope = chain.envelope
    envelope.signature = flipped(envelope.signature)
    chain.raw = envelope.SerializeToString()


def _author_high_s(chain: Chain) -> None:
    envelope = chain.envelope
    envelope.signature = high_s(envelope.signature)
    chain.raw = envelope.SerializeToString()


def _broken_creator(parts: Parts) -> None:
    broken = SerializedIdentity(mspid="VerifierAMSP", id_bytes=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END")
    who = parts.creator
    who.serialized = broken.SerializeToString()
    parts.by(who)


def _other_channel(parts: Parts) -> None:
    parts.channel.channel_id = "staging"


def _other_id(chain: Chain) -> None:
    def changed(parts: Parts) -> None:
        parts.channel.tx_id = "0" * 64

    chain.change(changed)


def _other_author_inside(parts: Parts) -> None:
    other = type(parts.author).FromString(parts.author.SerializeToString())
    other.nonce = b"another"
    parts.inner = other.SerializeToString()


AUTHORS = [
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
]
