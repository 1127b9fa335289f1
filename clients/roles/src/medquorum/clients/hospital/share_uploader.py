# SPDX-License-Identifier: Apache-2.0
"""An update as two shares, one for each party, where the hospital verifies it itself (placement of [SMV])."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medquorum.clients.encrypted.verification.masking import other_than_submitted, parameters
from medquorum.clients.hospital.uploader import Uploader
from medquorum.clients.runtime.updates import StoredUpdate
from medquorum.core.documents.update import Update
from medquorum.core.fixedpoint import IntArray
from medquorum.verifier.binding.commitment import CommittedShare, commit_shares, open_share

__all__ = ["ShareUploader"]


class ShareUploader(Uploader):
    """Shares one hospital's updates of one encrypted task."""

    def submission(self, round_number: int, update: StoredUpdate) -> Mapping[str, Any]:
        """Return the commitments to both shares, and the dealer's nonce."""
        shares = {party: share.commitment for party, share in self._shares(round_number, update).items()}
        return {"shares": shares, "nonce": self._mask(round_number, update.base).nonce}

    def second_share(self, round_number: int, update: StoredUpdate) -> IntArray:
        """Return the second party's share (parameters,) itself."""
        second = self.parties[1]
        value = self._shares(round_number, update)[second]
        context = self._context(round_number, update)
        return open_share(context, second, 1, value.value, value.commitment, self._task.length // 4)

    def _values(self, round_number: int, update: StoredUpdate, submitted: Update) -> Mapping[str, bytes]:
        shares = self._shares(round_number, update)
        if {party: share.commitment for party, share in shares.items()} != submitted.shares:
            raise other_than_submitted(self._msp, round_number)
        return {party: share.value for party, share in shares.items()}

    def _shares(self, round_number: int, update: StoredUpdate) -> dict[str, CommittedShare]:
        given = commit_shares(self._context(round_number, update), self.parties, parameters(update), update.salts)
        return dict(zip(self.parties, given, strict=True))
