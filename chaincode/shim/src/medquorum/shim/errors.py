# SPDX-License-Identifier: Apache-2.0
"""The shim's errors: each says its cause and, where there is one, the remedy.

ShimError
├── ConfigError       the server's address, package id or TLS files cannot be used
├── ListenError       the server's address cannot be bound
├── ChaincodeError    the chaincode refuses the transaction: ``code`` names the reason
└── PeerError         a peer answered a chaincode's request with ERROR
"""

from __future__ import annotations

__all__ = ["ChaincodeError", "ConfigError", "ListenError", "PeerError", "ShimError"]


class ShimError(Exception):
    """Base of all errors: ``cause`` says what went wrong, ``remedy`` what to do about it (may be empty)."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}. {self.remedy}" if self.remedy else self.cause


class ConfigError(ShimError):
    """The server's address, package id or TLS files cannot be used."""


class ListenError(ShimError):
    """The server's address cannot be bound."""


class ChaincodeError(ShimError):
    """The transaction is refused; ``code`` is one word in capitals (``ASSET_MISSING``).

    A chaincode may raise it, and the shim does where a key, value or identity cannot be used. The client gets
    ``CODE: cause. remedy`` with status 500.
    """

    def __init__(self, code: str, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {super().__str__()}"


class PeerError(ShimError):
    """A peer answered a chaincode's request with ERROR, or its stream ended."""
