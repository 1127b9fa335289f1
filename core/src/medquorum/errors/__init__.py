# SPDX-License-Identifier: Apache-2.0
"""Medquorum's version, exception tree and exit codes.

MedquorumError                    1
├── ConfigError                  10   a consortium file, option or environment value is wrong
├── DataError                    11   a data set or verification file is missing, corrupt or not the committed one
├── ModelError                   12   a model or update has the wrong layout, shape, length or a non-finite value
│   └── RangeError               13   a value does not fit its fixed-point bound
├── TrainingError                14   a hospital's own training function failed, never returned or gave no update
├── NetworkError                 20   a peer, orderer, devnet or chaincode process cannot be run
│   ├── BinaryMissing            21   a Fabric binary was not found
│   └── StartTimeout             22   a process did not become healthy in time
├── CheckFailed                  40   something read back (a model, block, signature) is not what the ledger promises
├── ContractError                50   the chaincode refuses: ``code`` names the reason
└── ProtocolError                60   a party's or the dealer's message does not fit the encrypted evaluation
    ├── MaterialError            61   correlated randomness would be used twice, or is another gate's
    └── ShareError               62   a hospital's share does not match its commitment, or is not awaited

Every error says the cause and, where there is one, the remedy. The command lines print them without a traceback and
exit with the number beside the class. The gateway client and the shim have trees of their own, because others use them
too; ``clients/roles/src/medquorum/clients/cli.py`` has the gateway's exit codes, 30 to 34.
"""

from __future__ import annotations

import traceback
from typing import Any

__all__ = [
    "BinaryMissing",
    "CheckFailed",
    "ConfigError",
    "ContractError",
    "DataError",
    "MaterialError",
    "MedquorumError",
    "ModelError",
    "NetworkError",
    "ProtocolError",
    "RangeError",
    "ShareError",
    "StartTimeout",
    "TrainingError",
    "__version__",
    "origin",
]

__version__ = "0.1.0"


class MedquorumError(Exception):
    """Base of all errors: ``cause`` says what went wrong, ``remedy`` what to do about it (may be empty)."""

    exit_code: int = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}. {self.remedy}" if self.remedy else self.cause

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain values, for ``--json``."""
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


class TrainingError(MedquorumError):
    """A hospital's own training function raised, did not return in time, or gave what is no update of the model.

    Nothing was sent. ``round`` is the round it was called for.
    """

    exit_code = 14

    def __init__(self, cause: str, remedy: str = "", *, round_number: int) -> None:
        super().__init__(cause, remedy)
        self.round = round_number

    def __str__(self) -> str:
        return f"round {self.round}: {super().__str__()}"

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain values, with the round."""
        return super().as_dict() | {"round": self.round}


class NetworkError(MedquorumError):
    """A peer, orderer, devnet or chaincode process cannot be run."""

    exit_code = 20


class BinaryMissing(NetworkError):
    """A Fabric binary was not found."""

    exit_code = 21


class StartTimeout(NetworkError):
    """A process did not become healthy in time."""

    exit_code = 22


class CheckFailed(MedquorumError):
    """Something read back (a model, a block, a signature) is not what the ledger promises.

    ``check`` names the check that failed: of a model ``chunk``, ``manifest``, ``round`` or ``attestation``; of the
    chain ``signature``, ``block`` or ``consortium``; in an audit also the kind of a document; empty elsewhere.
    """

    exit_code = 40

    def __init__(self, cause: str, remedy: str = "", *, check: str = "") -> None:
        super().__init__(cause, remedy)
        self.check = check

    def as_dict(self) -> dict[str, Any]:
        """Return the error as plain values, with the check that failed."""
        return super().as_dict() | ({"check": self.check} if self.check else {})


class ContractError(MedquorumError):
    """The chaincode refuses a transaction; ``code`` is one word in capitals (``ROUND_CLOSED``)."""

    exit_code = 50

    def __init__(self, code: str, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {super().__str__()}"


class ProtocolError(MedquorumError):
    """A message of a party or the dealer does not fit the encrypted evaluation."""

    exit_code = 60


class MaterialError(ProtocolError):
    """Correlated randomness would be used a second time, or belongs to another gate."""

    exit_code = 61


class ShareError(ProtocolError):
    """A hospital's share does not match its commitment, or the party does not await it."""

    exit_code = 62


def origin(error: BaseException) -> list[str]:
    """Return the file, line and function of each frame an error came through: for the own log, without its text."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
