# SPDX-License-Identifier: Apache-2.0
"""Messages of any length in frames of at most 2 MiB: eight bytes of length (little-endian), then the message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from medquorum import ProtocolError

__all__ = ["FRAME", "LONGEST", "read_message", "split", "split_all"]

FRAME = 2 << 20
LONGEST = 2 << 30
"""Most bytes of a message."""


def split(message: bytes | memoryview, header: bytes = b"") -> Iterator[bytes]:
    """Give the frames of ``header`` (at most 1 MiB) and message as one message."""
    view, first = memoryview(message), FRAME - len(header)
    yield b"".join([(len(header) + len(message)).to_bytes(8, "little"), header, view[:first]])
    for start in range(first, len(message), FRAME):
        yield bytes(view[start : start + FRAME])


def split_all(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Give the frames of messages, one after the other."""
    for message in messages:
        yield from split(message)


def read_message(next_frame: Callable[[], bytes], longest: int = LONGEST) -> bytes:
    """Put the next message together.

    Parameters
    ----------
    next_frame : callable
        Gives the next frame; what it raises passes through.
    longest : int
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
    parts, missing = [memoryview(frame)[8:]], length - len(frame) + 8
    while missing > 0:
        parts.append(memoryview(next_frame()))
        missing -= len(parts[-1])
        if not len(parts[-1]):
            raise ProtocolError("an empty frame within a message", "Check that both ends run the same version")
    if missing < 0:
        raise ProtocolError("a message is longer than announced", "Check that both ends run the same version")
    return b"".join(parts)
