# SPDX-License-Identifier: Apache-2.0
"""A block's entries: each exactly one payload and one signature, in the one form protobuf writes.

A block's data hash is over its entries joined without lengths: two entries written as one have the same hash, and of a
field that is there twice the last one counts. So the form decides which transactions a block has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Payload, SignatureHeader
from google.protobuf.message import DecodeError

from medquorum.errors import CheckFailed

__all__ = ["REMEDY", "Entry", "read_entry", "read_genesis_entry", "read_message"]

REMEDY = "Compare with another organisation's peer: this one's ledger is not the channel's"


@dataclass(frozen=True)
class Entry:
    """One entry of a block, its headers taken apart; ``signature`` is the author's over ``payload``."""

    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    header: Any = field(repr=False)
    """The payload's ``Header``: the two headers' bytes."""
    channel_header: Any = field(repr=False)
    author: Any = field(repr=False)
    """The author's ``SignatureHeader``: creator and nonce."""
    data: bytes = field(repr=False)
    more: bool = False
    """Whether fields follow that nobody reads: Fabric orders such an envelope, so they refuse no whole chain."""


def read_message(kind: Any, data: bytes, what: str) -> Any:
    """Return a protobuf message.

    Raises
    ------
    CheckFailed
        The bytes are no such message; ``what`` says where they are from.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise CheckFailed(f"{what} is not a {kind.DESCRIPTOR.name}", REMEDY, check="block") from error


def read_entry(raw: bytes, what: str) -> Entry:
    """Return an entry that is one payload, then one signature, and no field twice.

    Raises
    ------
    CheckFailed
        It has another form: entries were merged or split, or a field left out, repeated or written another way.
    """
    envelope = read_message(Envelope, raw, what)
    form = _form(envelope.payload, envelope.signature)
    rest = raw[len(form) :]
    if not envelope.payload or not envelope.signature or not raw.startswith(form) or not _is_unread(rest):
        raise CheckFailed(f"{what} is not exactly one payload and one signature", REMEDY, check="block")
    return _entry(envelope, what, more=bool(rest))


def read_genesis_entry(raw: bytes, what: str) -> Entry:
    """Return the entry of block 0, which nobody signed: a payload alone.

    Raises
    ------
    CheckFailed
        It has another form.
    """
    envelope = read_message(Envelope, raw, what)
    if not envelope.payload or raw != _form(envelope.payload, b""):
        raise CheckFailed(f"{what} is not exactly one payload", REMEDY, check="block")
    return _entry(envelope, what, more=False)


def _form(payload: bytes, signature: bytes) -> bytes:
    return bytes(Envelope(payload=payload, signature=signature).SerializeToString())


def _is_unread(rest: bytes) -> bool:
    """Return whether bytes hold only fields that an envelope does not have."""
    try:
        envelope = Envelope.FromString(rest)
    except DecodeError:
        return False
    return not envelope.payload and not envelope.signature and envelope.SerializeToString() == rest


def _entry(envelope: Any, what: str, *, more: bool) -> Entry:
    payload = read_message(Payload, envelope.payload, f"the payload of {what}")
    return Entry(
        envelope.payload,
        envelope.signature,
        payload.header,
        read_message(ChannelHeader, payload.header.channel_header, f"the channel header of {what}"),
        read_message(SignatureHeader, payload.header.signature_header, f"the signature header of {what}"),
        payload.data,
        more,
    )
