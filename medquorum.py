# SPDX-License-Identifier: Apache-2.0
"""Medquorum's version, exception tree and exit codes.

MedquorumError                    1
├── ConfigError                  10   a consortium file, option or environment value is wrong
├── DataError                    11   a data set or verification file is missing, corrupt or not the committed one
├── ModelError                   12   a model or update has the wrong layout, shape, length or a non-finite value
│   └── RangeError               13   a value does not fit its fixed-point bound
├── NetworkError                 20   a peer, orderer, devnet or chaincode process cannot be run
│   ├── BinaryMissing            21   a Fabric binary was not found
│   └── StartTimeout             22   a process did not become healthy in time
├── GatewayError                 30   a peer's gateway answered a call with a gRPC error
│   ├── EndorseError             31   no sufficient endorsement
│   ├── SubmitError              32   the ordering service did not acknowledge (the outcome is unknown)
│   └── CommitStatusError        33   the commit status could not be obtained (the outcome is unknown)
├── CommitError                  34   the transaction was ordered but is not valid
├── CheckFailed                  40   something read back (a model, block, signature) is not what the ledger promises
├── ContractError                50   the chaincode refuses: ``code`` names the reason
├── PeerError                    51   a peer answered a chaincode's request with ERROR
└── ProtocolError                60   a party's or the dealer's message does not fit the encrypted evaluation
    ├── MaterialError            61   correlated randomness would be used twice, or is another gate's
    └── ShareError               62   a hospital's share does not match its commitment, or is not awaited

Every error says the cause and, where there is one, the remedy. The command lines print them without a traceback and
exit with the number beside the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = [
    "BinaryMissing",
    "CheckFailed",
    "CommitError",
    "CommitStatusError",
    "ConfigError",
    "ContractError",
    "DataError",
    "EndorseError",
    "ErrorDetail",
    "GatewayError",
    "MaterialError",
    "MedquorumError",
    "ModelError",
    "NetworkError",
    "PeerError",
    "ProtocolError",
    "RangeError",
    "ShareError",
    "StartTimeout",
    "SubmitError",
    "__version__",
]

__version__ = "0.1.0"


class MedquorumError(Exception):
    """Base of all errors: ``cause`` says what went wrong, ``remedy`` what to do about it (may be empty)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}. {self.remedy}" if self.remedy else self.cause

    def as_dict(self) -> dict[str, Any]:
        """Give the error as plain values, for ``--json``."""
        return {
            "error": type(self).__name__,
            "cause": self.cause,
            "remedy": self.remedy,
            "exit_code": self.exit_code,
        }


class ConfigError(MedquorumError):
    """A consortium file, command-line option or environment value is wrong."""

    exit_code = 10


class DataError(MedquorumError):
    """A data set or verification file is missing, corrupt, or not the committed one."""

    exit_code = 11


class ModelError(MedquorumError):
    """A model or update has the wrong layout, shape or length, or holds a non-finite value."""

    exit_code = 12


class RangeError(ModelError):
    """A value does not fit its fixed-point bound."""

    exit_code = 13


class NetworkError(MedquorumError):
    """A peer, orderer, devnet or chaincode process cannot be run."""

    exit_code = 20


class BinaryMissing(NetworkError):
    """A Fabric binary was not found."""

    exit_code = 21


class StartTimeout(NetworkError):
    """A process did not become healthy in time."""

    exit_code = 22


@dataclass(frozen=True)
class ErrorDetail:
    """One node's own reason (Fabric's ``gateway.ErrorDetail``)."""

    address: str
    msp_id: str
    message: str


class GatewayError(MedquorumError):
    """A peer's gateway answered with a gRPC error: ``code`` is its name, ``details`` each node's own reason."""

    exit_code = 30

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
        """Give the error as plain values, with code, transaction id and every node's reason."""
        details = [{"address": d.address, "msp_id": d.msp_id, "message": d.message} for d in self.details]
        return super().as_dict() | {"code": self.code, "transaction_id": self.transaction_id, "details": details}


class EndorseError(GatewayError):
    """A proposal did not gather sufficient endorsements."""

    exit_code = 31


class SubmitError(GatewayError):
    """The ordering service did not acknowledge the transaction: its outcome is unknown until its commit status is."""

    exit_code = 32


class CommitStatusError(GatewayError):
    """The commit status could not be obtained: the outcome of the transaction is unknown."""

    exit_code = 33


class CommitError(MedquorumError):
    """A transaction was ordered but is not valid; ``code`` is Fabric's validation code (``MVCC_READ_CONFLICT``)."""

    exit_code = 34

    def __init__(self, cause: str, remedy: str = "", *, code: str, transaction_id: str = "") -> None:
        super().__init__(cause, remedy)
        self.code = code
        self.transaction_id = transaction_id


class CheckFailed(MedquorumError):
    """Something read back (a model, a block, a signature) is not what the ledger promises.

    ``check`` names the check of a model that failed (``chunk``, ``manifest``, ``round``, ``attestation``,
    ``signature``, ``block``), empty elsewhere.
    """

    exit_code = 40

    def __init__(self, cause: str, remedy: str = "", *, check: str = "") -> None:
        super().__init__(cause, remedy)
        self.check = check

    def as_dict(self) -> dict[str, Any]:
        """Give the error as plain values, with the check that failed."""
        return super().as_dict() | ({"check": self.check} if self.check else {})


class ContractError(MedquorumError):
    """The chaincode refuses a transaction; ``code`` is one word in capitals (``ROUND_CLOSED``)."""

    exit_code = 50

    def __init__(self, code: str, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {super().__str__()}"


class PeerError(MedquorumError):
    """A peer answered a chaincode's request with ERROR."""

    exit_code = 51


class ProtocolError(MedquorumError):
    """A message of a party or the dealer does not fit the encrypted evaluation."""

    exit_code = 60


class MaterialError(ProtocolError):
    """Correlated randomness would be used a second time, or belongs to another gate."""

    exit_code = 61


class ShareError(ProtocolError):
    """A hospital's share does not match its commitment, or the party does not await it."""

    exit_code = 62
