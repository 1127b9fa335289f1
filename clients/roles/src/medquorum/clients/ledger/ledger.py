# SPDX-License-Identifier: Apache-2.0
"""What the contract answers, typed. Every read is evaluated by the own organisation's peer, or fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from medquorum.clients.ledger.round_status import RoundStatus, ended, read_document
from medquorum.core import canonical
from medquorum.core.documents.consortium import Consortium
from medquorum.core.documents.document import Document
from medquorum.core.documents.model import Model
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.errors import ContractError
from medquorum.gateway import GatewayError, chaincode_message, peers_unknown

__all__ = ["Contract", "Ledger", "contract_error", "refusal_of"]

_REFUSAL = re.compile(r"([A-Z][A-Z0-9_]*): (.*)", re.DOTALL)

D = TypeVar("D", bound=Document)
Result = TypeVar("Result")

ENDED_KEPT = 8
"""Ended rounds that are not read again: they never change."""

RETRY_TIMEOUT = 10.0
RETRY_DELAY = 0.2
"""Seconds a read is tried, and between two tries, while the gateway knows no peer that has the chaincode."""


class Contract(Protocol):
    """What roles need of a contract: ``medquorum.clients.ledger.outbox``, or a ledger in memory."""

    def evaluate(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        """Ask without writing."""
        ...

    def submit(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        """Endorse, order, and wait for the commit."""
        ...


class _Kept(Generic[Result]):
    """The last few ended rounds that were read. Safe between threads."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], Result] = {}

    def get(self, key: tuple[str, int]) -> Result | None:
        return self._entries.get(key)

    def put(self, key: tuple[str, int], entry: Result) -> None:
        self._entries[key] = entry
        if len(self._entries) > ENDED_KEPT:
            self._entries.pop(next(iter(self._entries)), None)


class Ledger:
    """The contract's documents as one organisation's own peer holds them; ``peer`` is the MSP of whose it uses instead.

    Every method raises ``ContractError`` when the contract refuses, ``GatewayError`` when the peer cannot be asked and
    ``CheckFailed`` when an answer has not the form docs/reference/ledger-documents.md gives.
    """

    def __init__(self, contract: Contract, msp: str, peer: str | None = None) -> None:
        self.contract = contract
        self.msp = msp
        self._peer = msp if peer is None else peer
        self._ended: _Kept[Round] = _Kept()
        self._ended_statuses: _Kept[RoundStatus] = _Kept()

    def consortium(self) -> Consortium:
        """Read who is a member."""
        return self._document(Consortium, "ReadConsortium")

    def task(self, task: str) -> Task:
        """Read a task."""
        return self._document(Task, "ReadTask", task)

    def tasks(self) -> list[str]:
        """Read the names of all tasks."""
        return [str(name) for name in self.value("ListTasks")]

    def current_round(self, task: str) -> Round | None:
        """Read the latest round, None before the first."""
        value = self.value("ReadCurrentRound", task)
        return None if value is None else read_document(Round, value)

    def round(self, task: str, round_number: int) -> Round:
        """Read one round, an ended one once."""
        key = (task, round_number)
        known = self._ended.get(key)
        if known is None:
            known = self._document(Round, "ReadRound", task, str(round_number))
            self._keep(key, known)
        return known

    def status(self, task: str, round_number: int) -> RoundStatus:
        """Read everything about one round, an ended one once."""
        key = (task, round_number)
        known = self._ended_statuses.get(key)
        if known is None:
            known = self.status_now(task, round_number)
            if known.round is not None and self._keep(key, known.round):
                self._ended_statuses.put(key, known)
        return known

    def status_now(self, task: str, round_number: int) -> RoundStatus:
        """Read everything about one round, also if it was read before: an audit goes by what the peer says now."""
        return RoundStatus.read(self.value("ReadRoundStatus", task, str(round_number)))

    def current_status(self, task: str) -> RoundStatus | None:
        """Read everything about the latest round, None before the first."""
        value = self.value("ReadCurrentStatus", task)
        return None if value is None else RoundStatus.read(value)

    def manifest(self, model: str) -> Model:
        """Read what a model consists of."""
        return self._document(Model, "ReadModel", model)

    def model_chunk(self, model: str, index: int) -> bytes:
        """Read the stored form of one chunk of a model, unchecked."""
        return self.read("ReadModelChunk", model, str(index))

    def value(self, name: str, *arguments: str) -> Any:
        """Evaluate a transaction that answers JSON; an empty answer is None."""
        raw = self.read(name, *arguments)
        return canonical.decode(raw) if raw else None

    def read(self, name: str, *arguments: str) -> bytes:
        """Evaluate a transaction on the own organisation's peer, once the gateway knows it: a new one takes seconds."""
        asked = [self._peer]
        attempts = Retrying(
            retry=retry_if_exception(peers_unknown),
            wait=wait_fixed(RETRY_DELAY),
            stop=stop_after_delay(RETRY_TIMEOUT),
            reraise=True,
        )
        return refusal_of(
            lambda: attempts(self.contract.evaluate, name, arguments=arguments, endorsing_organizations=asked)
        )

    def _keep(self, key: tuple[str, int], read: Round) -> bool:
        """Remember a round that has ended; return whether it has."""
        if ended(read):
            self._ended.put(key, read)
        return ended(read)

    def _document(self, kind: type[D], name: str, *arguments: str) -> D:
        return read_document(kind, self.value(name, *arguments))


def contract_error(error: BaseException) -> ContractError | None:
    """Return the contract's own refusal (``CODE: cause. remedy``), None where the error is not one."""
    message = chaincode_message(error)
    match = None if message is None else _REFUSAL.fullmatch(message)
    if match is None:
        return None
    cause, _, remedy = match[2].partition(". ")
    return ContractError(match[1], cause, remedy)


def refusal_of(call: Callable[[], Result]) -> Result:
    """Make a call whose refusal by the chaincode is raised as ``ContractError``, other errors as they are."""
    try:
        return call()
    except GatewayError as error:
        refused = contract_error(error)
        if refused is None:
            raise
        raise refused from error
