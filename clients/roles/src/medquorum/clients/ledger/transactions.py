# SPDX-License-Identifier: Apache-2.0
"""Writing transactions: which verifiers endorse, what is tried again, and with whom."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tenacity import retry_if_exception, wait_exponential, wait_random

from medquorum.clients.ledger.ledger import Contract, refusal_of
from medquorum.core import canonical
from medquorum.errors import ConfigError, ContractError
from medquorum.gateway import EndorseError, retrying, worth_retrying

__all__ = ["Transactions", "differs", "quorums"]

ATTEMPTS = 7
FIRST_WAIT = 0.1
"""Seconds before the second attempt; twice as many before each further one, six to seven in all."""


def quorums(verifiers: Sequence[str], size: int, first: str = "") -> list[tuple[str, ...]]:
    """List every choice of ``size`` verifiers, those with ``first`` before the others.

    Raises
    ------
    ConfigError
        There are fewer than ``size`` verifiers, or size is not positive.
    """
    if not 0 < size <= len(verifiers):
        raise ConfigError(f"{size} of {len(verifiers)} verifiers cannot endorse", "Check the consortium's quorum")
    ordered = sorted(verifiers, key=lambda msp: (msp != first, msp))
    return list(itertools.combinations(ordered, size))


def differs(error: EndorseError) -> bool:
    """Return whether endorsers were all reached but answered different things."""
    return any("do not match" in text for text in (error.cause, *(detail.message for detail in error.details)))


def _weight(error: EndorseError | ContractError) -> int:
    # A verifier that is not ready yet may still make a quorum; of the rest, one that differs says more than one away.
    return 2 if isinstance(error, ContractError) else int(differs(error))


def _worth_retrying(error: BaseException) -> bool:
    # An endorser whose peer lags behind does not have yet what this client has already seen committed,
    # or has still what was there before: a chunk that has since been put anew.
    lags = isinstance(error, ContractError) and (error.code.endswith("_MISSING") or error.code == "CHUNK_MISMATCH")
    return lags or worth_retrying(error)


class Transactions:
    """Submits transactions that ``quorum`` of the ``verifiers`` endorse; safe to use from several threads.

    A verifier that cannot be reached, is not ready or differs is replaced: every choice of verifiers is tried, the one
    that worked last first. Commit conflicts, differing verifiers and networks that do not answer get fresh proposals
    for six to seven seconds. What comes out then is final: ``ContractError`` when the contract refuses,
    ``EndorseError`` when no choice of verifiers endorses or they differ, ``CommitError``, ``CommitStatusError``.
    """

    def __init__(self, contract: Contract, verifiers: Sequence[str], quorum: int, first: str = "") -> None:
        self._contract = contract
        self._verifiers = verifiers
        self._first = first
        self._quorums = quorums(verifiers, quorum, first)
        self._preferred = 0

    def endorsed_by(self, quorum: int) -> Transactions:
        """Return the writing side for what more, or fewer, of the same verifiers endorse."""
        return Transactions(self._contract, self._verifiers, quorum, self._first)

    def submit(self, name: str, *arguments: str | int | Mapping[str, Any], **transient: bytes) -> bytes:
        """Submit a transaction; a mapping among the arguments travels as canonical JSON."""
        texts = [canonical.encode(item).decode() if isinstance(item, Mapping) else str(item) for item in arguments]
        # No shorter by chance: a peer that was busy or away may lag for seconds.
        wait = wait_exponential(FIRST_WAIT) + wait_random(0, FIRST_WAIT)
        attempts = retrying(ATTEMPTS).copy(retry=retry_if_exception(_worth_retrying), wait=wait)
        return attempts(self._proposed, name, texts, transient)

    def _proposed(self, name: str, arguments: list[str], transient: Mapping[str, bytes]) -> bytes:
        start = self._preferred
        failures: list[EndorseError | ContractError] = []
        for choice in range(start, start + len(self._quorums)):
            try:
                result = self._submitted(name, arguments, transient, self._quorums[choice % len(self._quorums)])
            except ContractError as error:
                if error.code != "NOT_READY":
                    raise
                failures.append(error)
            except EndorseError as error:
                failures.append(error)
            else:
                self._preferred = choice % len(self._quorums)
                return result
        raise max(failures, key=_weight)

    def _submitted(
        self, name: str, arguments: list[str], transient: Mapping[str, bytes], endorsers: tuple[str, ...]
    ) -> bytes:
        return refusal_of(
            lambda: self._contract.submit(
                name, arguments=arguments, transient=transient, endorsing_organizations=endorsers
            )
        )
