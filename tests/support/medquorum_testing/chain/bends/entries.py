# SPDX-License-Identifier: Apache-2.0
"""Bends of a block's entries: their encoding and their validation codes."""

from __future__ import annotations

from fabric_protos.common.common_pb2 import BlockMetadataIndex

from medquorum_testing.chain.bends.bend import Bend, Chain, set_codes, wire_field

__all__ = ["ENTRIES"]


def _invalid(chain: Chain) -> None:
    codes = bytearray(chain.block.metadata.metadata[BlockMetadataIndex.TRANSACTIONS_FILTER])
    codes[chain.index] = 11
    set_codes(chain, bytes(codes))


def _unknown_code(chain: Chain) -> None:
    set_codes(chain, bytes([77] * len(chain.block.data.data)))


def _merged(chain: Chain) -> None:
    chain.raw = chain.raw + bytes(chain.blocks[1].data.data[0])


def _split(chain: Chain) -> None:
    parts = [wire_field(1, chain.envelope.payload), wire_field(2, chain.envelope.signature)]
    entries = [*chain.block.data.data[: chain.index], *parts, *chain.block.data.data[chain.index + 1 :]]
    chain.block.data.data[:] = entries
    set_codes(chain, bytes(len(entries)))


def _swapped(chain: Chain) -> None:
    chain.raw = wire_field(2, chain.envelope.signature) + wire_field(1, chain.envelope.payload)


def _repeated(chain: Chain) -> None:
    chain.raw = chain.raw + wire_field(2, chain.envelope.signature)


def _long_length(chain: Chain) -> None:
    """Write the signature's length in one byte more than it needs."""
    signature = chain.envelope.signature
    chain.raw = wire_field(1, chain.envelope.payload) + bytes([0x12, len(signature) | 0x80, 0]) + signature


def _more(chain: Chain) -> None:
    chain.raw = chain.raw + wire_field(15, b"more")


def _unsigned(chain: Chain) -> None:
    chain.raw = wire_field(1, chain.envelope.payload)


def _no_protobuf(chain: Chain) -> None:
    chain.raw = b"\xff" * 40


ENTRIES = [
    Bend("two entries merged", "is not exactly one payload and one signature", _merged),
    Bend("an entry split", "is not exactly one payload and one signature", _split),
    Bend("fields in another order", "is not exactly one payload and one signature", _swapped),
    Bend("a field twice", "is not exactly one payload and one signature", _repeated),
    Bend("a length in another form", "is not exactly one payload and one signature", _long_length),
    Bend("an entry without signature", "is not exactly one payload and one signature", _unsigned),
    Bend("an entry that is no envelope", "is not a Envelope", _no_protobuf),
    Bend("another field", "more than a payload and a signature", _more),
    Bend("no validation code", "entries and 0 validation codes", lambda c: set_codes(c, b"")),
    Bend("an unknown validation code", "of the unknown code 77", _unknown_code),
    Bend("an invalid transaction", "is MVCC_READ_CONFLICT", _invalid),
]
