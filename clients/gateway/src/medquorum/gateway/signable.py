# SPDX-License-Identifier: Apache-2.0
"""What is signed before it is sent: here, or off-line by whoever holds the key."""

from __future__ import annotations

from typing import Any

from medquorum.gateway.client import Client

__all__ = ["Signable"]


class Signable:
    """A message around signed bytes: give ``to_bytes()`` and ``digest`` away, get a signature back.

    Parameters
    ----------
    message
        The whole Fabric message, which ``to_bytes`` serializes.
    signed
        The part of it with the field ``signature``.
    field
        The name of that part's field with the bytes that are signed.
    """

    def __init__(self, client: Client, message: Any, signed: Any, field: str) -> None:
        self._client = client
        self._message = message
        self._signed = signed
        self._field = field

    def to_bytes(self) -> bytes:
        """Serialize the message; the gateway's ``new_...`` methods make it again."""
        return bytes(self._message.SerializeToString())

    @property
    def digest(self) -> bytes:
        """What an off-line signer signs: the SHA-256 digest of the signed bytes."""
        return self._client.identity.digest(getattr(self._signed, self._field))

    def set_signature(self, signature: bytes) -> None:
        """Set an off-line signature over ``digest`` (DER, low-S)."""
        self._signed.signature = signature

    def _sign(self) -> None:
        if not self._signed.signature:
            self._signed.signature = self._client.identity.sign(getattr(self._signed, self._field))
