# SPDX-License-Identifier: Apache-2.0
"""What hash, number and place say, and the configurations that nobody may write."""

from __future__ import annotations

from fabric_protos.common.common_pb2 import Envelope, Payload, SignatureHeader

from medquorum_testing.chain.bends.bend import Bend, Chain, flipped, set_codes, wire_field
from medquorum_testing.chain.bends.configurations import change_configurations
from medquorum_testing.chain.block_forger import digest

__all__ = ["HEADERS"]


def _drop(chain: Chain) -> None:
    del chain.blocks[chain.number]


def _renumber(chain: Chain) -> None:
    chain.block.header.number += 1


def _rehash(chain: Chain) -> None:
    chain.change(lambda parts: setattr(parts.action.response, "message", "another"))
    chain.block.header.data_hash = digest(b"".join(chain.block.data.data))


def _other_genesis(chain: Chain) -> None:
    known = chain.genesis
    change_configurations(chain, lambda group: setattr(group, "version", group.version + 1))
    chain.genesis = known


def _signed_genesis(chain: Chain) -> None:
    chain.genesis = None
    chain.blocks[0].data.data[0] += wire_field(2, b"signed")


def _second_configuration(chain: Chain) -> None:
    """A member has the peer show a configuration that no orderer wrote."""
    payload = Payload.FromString(Envelope.FromString(chain.blocks[0].data.data[0]).payload)
    author = chain.keys.user("Hospital1MSP", "Admin")
    payload.header.signature_header = SignatureHeader(creator=author.serialized, nonce=b"n").SerializeToString()
    whole = payload.SerializeToString()
    chain.block.data.data[:] = [Envelope(payload=whole, signature=author.sign(whole)).SerializeToString()]
    set_codes(chain, b"\0")


HEADERS = [
    Bend(
        "a byte of a transaction",
        "are not those its header names",
        lambda c: setattr(c, "raw", flipped(c.raw)),
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
]
