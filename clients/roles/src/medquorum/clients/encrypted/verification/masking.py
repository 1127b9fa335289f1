# SPDX-License-Identifier: Apache-2.0
"""An update under the dealer's mask, the same for both parties: neither can tell it, and neither can have another one.

A mask hides one update. It is on this disk, with the update, before the update is submitted; and nothing is handed over
that is not on the ledger, where an update of the round is submitted once.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from medquorum.clients.runtime.updates import StoredUpdate, UpdateStore
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.task import Task
from medquorum.core.fixedpoint import IntArray
from medquorum.errors import DataError, ProtocolError, ShareError
from medquorum.verifier.binding.commitment import ShareContext
from medquorum.verifier.binding.masked_update import CommittedUpdate, commit_update
from medquorum.verifier.service.update_masks import UpdateMask

__all__ = ["Masking", "other_than_submitted", "parameters"]

_FILE = "mask.json"


class Masking:
    """Hides an author's updates of one encrypted task.

    Parameters
    ----------
    author
        MSP id of the hospital, or ROOT: whose updates these are.
    ask
        Returns the dealer's mask for a round and its base model.
    """

    def __init__(
        self, task: Task, settings: Encrypted, author: str, ask: Callable[[int, str], UpdateMask], store: UpdateStore
    ) -> None:
        self._task = task
        self._settings = settings
        self._author = author
        self._ask = ask
        self._store = store

    def submission(self, round_number: int, update: StoredUpdate) -> Mapping[str, Any]:
        """Return the commitments to the masked update and to the parts of its mask, and the dealer's nonce."""
        mask = self._kept(round_number, update)
        if mask is None:
            mask = self._ask(round_number, update.base)
            self._keep(round_number, update, mask)
        given = self._committed(round_number, update, mask)
        return {"masked": given.masked, "masks": dict(given.masks), "nonce": mask.nonce}

    def value(self, round_number: int, update: StoredUpdate, masked: str) -> bytes:
        """Return what is handed over of an update whose masked form is on the ledger as this hash.

        Raises
        ------
        ShareError
            It is of another update.
        """
        mask = self._kept(round_number, update)
        given = None if mask is None else self._committed(round_number, update, mask)
        if given is None or not hmac.compare_digest(given.masked, masked):
            raise other_than_submitted(self._author, round_number)
        return given.value

    def _committed(self, round_number: int, update: StoredUpdate, mask: UpdateMask) -> CommittedUpdate:
        if mask.seeds is None:
            raise ProtocolError("the dealer gave a nonce and no mask", "Install the same release")
        first, second = self._settings.parties
        context = ShareContext(self._task.task, round_number, self._author, update.base, self._task.layout)
        return commit_update(context, (first, second), parameters(update), mask.seeds, update.salts)

    def _keep(self, round_number: int, update: StoredUpdate, mask: UpdateMask) -> None:
        seeds = [seed.hex() for seed in mask.seeds or ()]
        document = {"update": _named(update), "nonce": mask.nonce, "seeds": seeds}
        self._store.attach(round_number, _FILE, json.dumps(document).encode())

    def _kept(self, round_number: int, update: StoredUpdate) -> UpdateMask | None:
        """Return the mask that this very update was hidden under, if it was."""
        raw = self._store.attached(round_number, _FILE)
        if raw is None:
            return None
        try:
            document = json.loads(raw)
            first, second = (bytes.fromhex(seed) for seed in document["seeds"])
            return UpdateMask(document["nonce"], (first, second)) if document["update"] == _named(update) else None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the mask of round {round_number} cannot be read: {error}", "Wait for the next round"
            ) from error


def parameters(update: StoredUpdate) -> IntArray:
    """Return an update's raw parameters (n,) of int64."""
    return np.frombuffer(update.packed, dtype="<i4").astype(np.int64)


def other_than_submitted(msp: str, round_number: int) -> ShareError:
    """Make the error of an update that is not handed over, though its round waits for one."""
    return ShareError(
        f"the update of {msp} on this disk is not the one it submitted in round {round_number}",
        "It is not handed over: under one mask the two would show their difference. The next round is anew",
    )


def _named(update: StoredUpdate) -> str:
    return sha256(update.packed).hexdigest()
