# SPDX-License-Identifier: Apache-2.0
"""A gate's message on its way from the dealer: length of the name, [batch, gate] as canonical JSON, the message."""

from __future__ import annotations

from medquorum.core import canonical
from medquorum.errors import ContractError, ProtocolError
from medquorum.verifier.randomness.identifier import MODEL_BATCH, MaterialId

__all__ = ["decode_gate", "gate_header"]

_LENGTH = 4


def gate_header(name: MaterialId) -> bytes:
    """Return what goes before a gate's message."""
    header = canonical.encode([name.batch, name.gate])
    return len(header).to_bytes(_LENGTH, "little") + header


def decode_gate(verification: MaterialId, raw: memoryview) -> tuple[MaterialId, memoryview]:
    """Return a gate's name in the verification, and its message.

    Raises
    ------
    ProtocolError
        It has no name.
    """
    end = _LENGTH + int.from_bytes(raw[:_LENGTH], "little")
    try:
        document = canonical.decode(bytes(raw[_LENGTH:end]))
    except ContractError as error:
        raise ProtocolError("the dealer's message has no name", "Run the same version at parties and dealer") from error
    match document:
        case [int(batch), str(gate)] if not isinstance(batch, bool) and MODEL_BATCH <= batch < 1 << 31:
            return verification.at(batch, gate), raw[end:]
    raise ProtocolError("the dealer's message has a wrong name", "Run the same version at parties and dealer")
