# SPDX-License-Identifier: Apache-2.0
"""An entry is exactly one payload and one signature: what any other bytes are is refused, never guessed."""

from __future__ import annotations

import pytest
from fabric_protos.common.common_pb2 import ChannelHeader, Envelope, Header, Payload, SignatureHeader
from hypothesis import given
from hypothesis import strategies as st

from medquorum.clients.proof.envelope import read_entry, read_genesis_entry
from medquorum.errors import CheckFailed


def payload(text: str = "mychannel") -> bytes:
    header = Header(
        channel_header=ChannelHeader(channel_id=text).SerializeToString(),
        signature_header=SignatureHeader(creator=b"who", nonce=b"once").SerializeToString(),
    )
    return bytes(Payload(header=header, data=b"data").SerializeToString())


WHOLE = bytes(Envelope(payload=payload(), signature=b"signature").SerializeToString())
OTHER = bytes(Envelope(payload=payload("other"), signature=b"other").SerializeToString())
ALONE = bytes(Envelope(payload=payload()).SerializeToString())
SIGNATURE = bytes(Envelope(signature=b"signature").SerializeToString())
UNREAD = b"\x7a\x04more"


def test_one_payload_and_one_signature_are_read() -> None:
    entry = read_entry(WHOLE, "entry 0")
    assert (entry.channel_header.channel_id, entry.author.nonce, entry.data) == ("mychannel", b"once", b"data")
    assert entry.signature == b"signature" and not entry.more
    assert read_entry(WHOLE + UNREAD, "entry 0").more
    assert read_genesis_entry(ALONE, "block 0").channel_header.channel_id == "mychannel"


@pytest.mark.parametrize(
    "raw",
    [
        WHOLE + OTHER,
        SIGNATURE + ALONE,
        WHOLE + SIGNATURE,
        WHOLE + UNREAD + SIGNATURE,
        WHOLE + b"\x0a\x00",
        WHOLE + b"\x12\x00",
        UNREAD + WHOLE,
        ALONE,
        SIGNATURE,
        b"",
        WHOLE[:-1],
        b"\x8a\x00" + WHOLE[1:],
    ],
)
def test_any_other_form_is_refused(raw: bytes) -> None:
    with pytest.raises(CheckFailed) as caught:
        read_entry(raw, "entry 0")
    assert caught.value.check == "block"


@pytest.mark.parametrize("raw", [WHOLE, ALONE + ALONE, ALONE + UNREAD, b"", SIGNATURE])
def test_block_0_is_one_payload_alone(raw: bytes) -> None:
    with pytest.raises(CheckFailed):
        read_genesis_entry(raw, "block 0")


@given(cut=st.integers(0, len(WHOLE + OTHER)))
def test_two_entries_have_one_way_to_be_cut(cut: int) -> None:
    """The data hash is over the entries joined: of all cuts of their bytes one alone may pass."""
    joined = WHOLE + OTHER
    passes = []
    for entry in (joined[:cut], joined[cut:]):
        try:
            read_entry(entry, "entry")
        except CheckFailed:
            continue
        passes.append(entry)
    assert (passes == [WHOLE, OTHER]) == (cut == len(WHOLE))
