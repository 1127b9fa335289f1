# SPDX-License-Identifier: Apache-2.0
"""Where a listener has got to, so that it goes on there after a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medquorum.gateway.errors import DataError
from medquorum.gateway.files import write_durably

__all__ = ["ChainPosition", "Checkpoint", "FileCheckpointer", "InMemoryCheckpointer"]


class ChainPosition(Protocol):
    """Something at a place in the chain, as a chaincode event is."""

    @property
    def block_number(self) -> int:
        """The block it is in."""

    @property
    def transaction_id(self) -> str:
        """The transaction it is of."""


class Checkpoint(Protocol):
    """Where to go on reading."""

    @property
    def block_number(self) -> int | None:
        """The block to go on with; None before the first checkpoint."""

    @property
    def transaction_id(self) -> str | None:
        """The last transaction of that block that is done; None when none is."""


class InMemoryCheckpointer:
    """A checkpoint for the life of the process: it survives a lost connection."""

    def __init__(self) -> None:
        self._block_number: int | None = None
        self._transaction_id: str | None = None

    @property
    def block_number(self) -> int | None:
        """The block to go on with; None before the first checkpoint."""
        return self._block_number

    @property
    def transaction_id(self) -> str | None:
        """The last transaction of that block that is done; None when none is."""
        return self._transaction_id

    def checkpoint_block(self, block_number: int) -> None:
        """Record that a block is done."""
        self._store(block_number + 1, None)

    def checkpoint_transaction(self, block_number: int, transaction_id: str) -> None:
        """Record that a block's transactions up to this one are done."""
        self._store(block_number, transaction_id)

    def checkpoint_chaincode_event(self, event: ChainPosition) -> None:
        """Record that the events up to this one are done."""
        self._store(event.block_number, event.transaction_id)

    def _store(self, block_number: int, transaction_id: str | None) -> None:
        self._block_number, self._transaction_id = block_number, transaction_id


class _State(BaseModel):
    """The file's JSON: the one the official clients write."""

    model_config = ConfigDict(extra="forbid")

    block_number: int | None = Field(default=None, alias="blockNumber", ge=0)
    transaction_id: str | None = Field(default=None, alias="transactionId")


class FileCheckpointer(InMemoryCheckpointer):
    """A checkpoint in a file, on disk when each call returns (``{"blockNumber": 7, "transactionId": "..."}``).

    Raises
    ------
    DataError
        The file holds something else.
    OSError
        The file cannot be read or written.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self._path = Path(path)
        content = self._path.read_bytes() if self._path.exists() else b""
        if not content.strip():
            return
        try:
            state = _State.model_validate_json(content)
        except ValidationError as error:
            raise DataError(
                f"{self._path} is not a checkpoint file", "Remove it to start over, or restore it"
            ) from error
        self._block_number, self._transaction_id = state.block_number, state.transaction_id or None

    def _store(self, block_number: int, transaction_id: str | None) -> None:
        state = {"blockNumber": block_number, "transactionId": transaction_id or ""}
        write_durably(self._path, json.dumps(state).encode())
        super()._store(block_number, transaction_id)
