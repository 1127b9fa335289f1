# SPDX-License-Identifier: Apache-2.0
"""Messages of any length in frames of 2 MiB, the last one shorter: length (8 bytes, little-endian), message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from medquorum.errors import ProtocolError

__all__ = ["FRAME", "LONGEST", "read_message", "split", "split_all"]

FRAME = 2 << 20
LONGEST = 2 << 30
"""Most bytes of a message."""


def split(message: bytes) -> Iterator[bytes]:
    """Return a message's frames."""
    view = memoryview(message)
    yield b"".join([len(message).to_bytes(8, "little"), view[:FRAME]])
    for start in range(FRAME, len(message), FRAME):
        yield bytes(view[start : start + FRAME])


def split_all(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Return the frames of messages, one after the other."""
    for message in messages:
        yield from split(message)


def read_message(next_frame: Callable[[], bytes], longest: int = LONGEST) -> bytes:
    """Put the next message together.

    Parameters
    ----------
    next_frame
        Returns the next frame; what it raises passes through.
    longest
        Most bytes that are taken.

    Raises
    ------
    ProtocolError
        The frames are no message, or it is too long.
    """
    frame = next_frame()
    length = int.from_bytes(frame[:8], "little")
    if len(frame) < 8 or length > longest:
        raise ProtocolError(f"a message of {length} bytes was announced", f"At most {longest} bytes are taken")
    part, missing = memoryview(frame)[8:], length
    parts = []
    while True:
        if len(part) != min(FRAME, missing):  # else a long message could come as millions of short frames
            raise ProtocolError(
                f"a frame of {len(part)} bytes where {missing} are missing", "Check that both ends run the same version"
            )
        parts.append(part)
        missing -= len(part)
        if not missing:
            return b"".join(parts)
        part = memoryview(next_frame())
