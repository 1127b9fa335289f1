# SPDX-License-Identifier: Apache-2.0
"""A hospital of an encrypted task played by a test: it commits to its update, and uploads what the test wants."""

from __future__ import annotations

import os

import numpy as np

from medquorum.clients.runtime.credentials import user_credentials
from medquorum.clients.runtime.options import Connection
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.binding.commitment import ShareContext, commit_shares
from medquorum.verifier.binding.masked_update import commit_update
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.share_upload import upload_share
from medquorum.verifier.service.update_masks import take_mask
from medquorum_testing.federation.federation import Federation

__all__ = ["HandmadeShares", "credentials_of", "parameters"]


def credentials_of(fed: Federation, name: str) -> Credentials:
    """Return the TLS certificate of an organisation's user."""
    return user_credentials(Connection(fed.running.profile(name), "User1", "mychannel", None, True))


class HandmadeShares:
    """One update (parameters,) of one hospital in one round, hidden as the task says; both ends are the parties."""

    def __init__(self, fed: Federation, hospital: str, number: int, update: IntArray) -> None:
        assert fed.task.encrypted is not None
        settings = fed.task.encrypted
        self._fed = fed
        self._hospital = hospital
        self._number = number
        self._base = fed.current.base
        self.parties = settings.parties
        context = ShareContext(fed.name, number, fed.msp(hospital), self._base, fed.task.layout)
        first, second = self.parties
        address, own = settings.services[settings.dealer], credentials_of(fed, hospital)
        mask = take_mask(own, address, settings.dealer, fed.name, number, self._base, 30)
        self.values: list[bytes]
        """What P0 and P1 are to get."""
        self._bound: dict[str, object]
        if settings.semi_honest:
            assert mask.seeds is None
            given = commit_shares(context, (first, second), update, os.urandom(32))
            self.values = [one.value for one in given]
            shares = dict(zip(self.parties, (one.commitment for one in given), strict=True))
            self._bound = {"shares": shares, "nonce": mask.nonce}
        else:
            assert mask.seeds is not None
            handed = commit_update(context, (first, second), update, mask.seeds, os.urandom(32))
            self.values = [handed.value, handed.value]
            self._bound = {"masked": handed.masked, "masks": dict(handed.masks), "nonce": mask.nonce}

    def submit(self) -> None:
        """Commit to what is handed over, on the ledger."""
        document = {"base": self._base, "layout": self._fed.task.layout} | self._bound
        self._fed.transactions(self._hospital).submit("SubmitUpdate", self._fed.name, self._number, document)

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
