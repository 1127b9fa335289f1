# SPDX-License-Identifier: Apache-2.0
"""The gateway client's errors: each says its cause and, where there is one, the remedy.

FabricError
├── ConfigError               a profile, identity, key or option cannot be used
├── DataError                 stored or passed-on bytes are not the message they should be
├── GatewayError              a peer's gateway answered a call with a gRPC error
│   ├── EndorseError          no sufficient endorsement
│   ├── SubmitError           the ordering service did not acknowledge (the outcome is unknown)
│   └── CommitStatusError     the commit status could not be obtained (the outcome is unknown)
└── CommitError               the transaction was ordered but is not valid
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CommitError",
    "CommitStatusError",
    "ConfigError",
    "DataError",
    "EndorseError",
    "ErrorDetail",
    "FabricError",
    "GatewayError",
    "SubmitError",
]


class FabricError(Exception):
    """Base of all errors: ``cause`` says what went wrong, ``remedy`` what to do about it (may be empty)."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}. {self.remedy}" if self.remedy else self.cause

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain values, for JSON."""
        return {"error": type(self).__name__, "cause": self.cause, "remedy": self.remedy}


class ConfigError(FabricError):
    """A connection profile, wallet, identity, key or option cannot be used."""


class DataError(FabricError):
    """Bytes that were stored or passed on are not the message or file they should be."""


@dataclass(frozen=True)
class ErrorDetail:
    """One node's own reason (Fabric's ``gateway.ErrorDetail``)."""

    address: str
    msp_id: str
    message: str


class GatewayError(FabricError):
    """A peer's gateway answered with a gRPC error: ``code`` is its name, ``details`` each node's own reason."""

    def __init__(
        self,
        cause: str,
        remedy: str = "",
        *,
        code: str = "UNKNOWN",
        details: Sequence[ErrorDetail] = (),
        transaction_id: str = "",
    ) -> None:
        super().__init__(cause, remedy)
        self.code = code
        self.details = tuple(details)
        self.transaction_id = transaction_id

    def __str__(self) -> str:
        lines = [super().__str__()]
        lines += [f"  {d.msp_id} {d.address}: {d.message}" for d in self.details]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain values, with code, transaction id and every node's reason."""
        details = [{"address": d.address, "msp_id": d.msp_id, "message": d.message} for d in self.details]
        return super().as_dict() | {"code": self.code, "transaction_id": self.transaction_id, "details": details}


class EndorseError(GatewayError):
    """A proposal did not gather sufficient endorsements."""


class SubmitError(GatewayError):
    """The ordering service did not acknowledge the transaction: its outcome is unknown until its commit status is."""


class CommitStatusError(GatewayError):
    """The commit status could not be obtained: the outcome of the transaction is unknown."""


class CommitError(FabricError):
    """A transaction was ordered but is not valid; ``code`` is Fabric's validation code (``MVCC_READ_CONFLICT``)."""

    def __init__(self, cause: str, remedy: str = "", *, code: str, transaction_id: str = "") -> None:
        super().__init__(cause, remedy)
        self.code = code
        self.transaction_id = transaction_id
