# SPDX-License-Identifier: Apache-2.0
"""What the parties say to each other beside the protocol: JSON documents over their line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medquorum.core import canonical
from medquorum.errors import ContractError, ProtocolError
from medquorum.verifier.opening.transport import Transport

__all__ = ["hear", "tell"]


def tell(line: Transport, what: Mapping[str, Any]) -> None:
    """Say something to the other party, which hears it."""
    line.exchange(canonical.encode(dict(what)))


def hear(line: Transport) -> Any:
    """Hear what the other party tells.

    Raises
    ------
    ProtocolError
        It is no JSON document, or the line is broken.
    """
    try:
        return canonical.decode(line.exchange(b""))
    except ContractError as error:
        raise ProtocolError("the other party says nothing that can be read", "Install the same release") from error
