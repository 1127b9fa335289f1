# SPDX-License-Identifier: Apache-2.0
"""What P1 tells P0 beside the protocol: what comes next on their connection."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from medquorum.core.documents.fields import MspId
from medquorum.core.message import Message
from medquorum.verifier.opening.transport import Transport

__all__ = ["Next", "receive_json", "send_json"]


class Next(Message):
    """What is next.

    Attributes
    ----------
    do
        "verify", "round", "sum" or "rest".
        Verify one update, judge a whole round, share the accepted updates' sum anew, nothing.
    hospitals
        The update's hospital, or the round's candidates in the order in which they are verified.
    """

    called: ClassVar[str] = "word on what is next"

    do: Literal["verify", "round", "sum", "rest"]
    hospitals: Annotated[tuple[MspId, ...], Field(max_length=256)] = ()

    @model_validator(mode="after")
    def _check_hospitals(self) -> Next:
        if self.do == "verify" and len(self.hospitals) != 1:
            raise ValueError("one update is verified at a time")
        return self


def send_json(transport: Transport, following: Next) -> None:
    """Report what is next to the other party, which hears it."""
    transport.exchange(following.encode())


def receive_json(transport: Transport) -> Next:
    """Return what the other party says is next.

    Raises
    ------
    ProtocolError
        It says nothing known, or the connection is broken.
    """
    return Next.decode(transport.exchange(b""))
