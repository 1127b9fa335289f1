# SPDX-License-Identifier: Apache-2.0
"""A gate's message on its way from the dealer: length of the name, [batch, gate] as canonical JSON, the message."""

from __future__ import annotations

from chaincode import canonical
from medquorum import ContractError, ProtocolError
from verifier.identifier import MaterialId

__all__ = ["decode_gate", "encode_gate"]

_LENGTH = 4


def encode_gate(name: MaterialId, message: bytes) -> bytes:
    """Put a gate's name before its message."""
    header = canonical.encode([name.batch, name.gate])
    return len(header).to_bytes(_LENGTH, "little") + header + message


def decode_gate(verification: MaterialId, raw: bytes) -> tuple[MaterialId, bytes]:
    """Give a gate's name in the verification, and its message.

    Raises
    ------
    ProtocolError
        It has no name.
    """
    end = _LENGTH + int.from_bytes(raw[:_LENGTH], "little")
    try:
        document = canonical.decode(raw[_LENGTH:end])
    except ContractError as error:
        raise ProtocolError("the dealer's message has no name", "Run the same version at parties and dealer") from error
    match document:
        case [int(batch), str(gate)]:
            return verification.at(batch, gate), raw[end:]
    raise ProtocolError("the dealer's message has a wrong name", "Run the same version at parties and dealer")
