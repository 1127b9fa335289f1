# SPDX-License-Identifier: Apache-2.0
"""A hospital of an encrypted task played by a test: it commits to shares, and uploads what the test wants."""

from __future__ import annotations

import os

import numpy as np

from medquorum.clients.runtime.credentials import user_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.binding.commitment import ShareContext, commit_shares
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.nonces import take_nonce
from medquorum.verifier.service.share_upload import upload_share
from medquorum_testing.federation.federation import Federation

__all__ = ["HandmadeShares", "credentials_of", "parameters"]


def credentials_of(fed: Federation, name: str) -> Credentials:
    """Return the TLS certificate of an organisation's user."""
    return user_credentials(Connection(fed.running.profile(name), "User1", "mychannel", None, True))


class HandmadeShares:
    """One update (parameters,) of one hospital in one round, as shares; both ends are the federation's parties."""

    def __init__(self, fed: Federation, hospital: str, number: int, update: IntArray) -> None:
        assert fed.task.encrypted is not None
        self._fed = fed
        self._hospital = hospital
        self._number = number
        self._base = fed.current.base
        self.parties = fed.task.encrypted.parties
        context = ShareContext(fed.name, number, fed.msp(hospital), self._base, fed.task.layout)
        first, second = self.parties
        self._given = commit_shares(context, (first, second), update, os.urandom(32))

    @property
    def values(self) -> list[bytes]:
        """What P0 and P1 are to get."""
        return [one.value for one in self._given]

    def submit(self) -> None:
        """Commit to the shares on the ledger."""
        commitments = [one.commitment for one in self._given]
        document = {
            "base": self._base,
            "layout": self._fed.task.layout,
            "shares": dict(zip(self.parties, commitments, strict=True)),
            "nonce": self._nonce(),
        }
        self._fed.transactions(self._hospital).submit("SubmitUpdate", self._fed.name, self._number, document)

    def _nonce(self) -> str:
        settings = self._fed.task.encrypted
        assert settings is not None
        address, own = settings.services[settings.dealer], credentials_of(self._fed, self._hospital)
        return take_nonce(own, address, settings.dealer, self._fed.name, self._number, self._base, 30)

    def give(self, index: int, value: bytes | None = None, *, number: int | None = None, sender: str = "") -> None:
        """Hand a party its share; or another value, under another round's number, with another's certificate."""
        assert self._fed.task.encrypted is not None
        party = self.parties[index]
        upload_share(
            credentials_of(self._fed, sender or self._hospital),
            self._fed.task.encrypted.services[party],
            party,
            self._fed.name,
            self._number if number is None else number,
            self.values[index] if value is None else value,
            timeout=30,
        )

    def is_kept(self, index: int) -> bool:
        """Return whether a party has stored anything as this hospital's share."""
        place = self._fed.task_folder(self._fed.verifiers[index]) / "shares" / f"{self._number:06d}"
        return (place / f"{self._fed.msp(self._hospital)}.share").exists()


def parameters(fed: Federation, value: int) -> IntArray:
    """Return an update that is everywhere the same."""
    return np.full(fed.task.length // 4, value, dtype=np.int64)
