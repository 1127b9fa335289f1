# SPDX-License-Identifier: Apache-2.0
"""An update under the dealer's mask, on its way to both parties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medquorum.clients.encrypted.verification.masking import Masking
from medquorum.clients.hospital.uploader import Uploader
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.updates import StoredUpdate, UpdateStore
from medquorum.core.documents.encrypted import Encrypted
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.verifier.service.identity import Credentials

__all__ = ["MaskedUploader"]


class MaskedUploader(Uploader):
    """Hands one hospital's masked updates of one encrypted task to both parties."""

    def __init__(
        self,
        task: Task,
        settings: Encrypted,
        msp: str,
        credentials: Credentials,
        report: Report,
        store: UpdateStore,
    ) -> None:
        super().__init__(task, settings, msp, credentials, report)
        self._masking = Masking(task, settings, msp, self._mask, store)

    def submission(self, round_number: int, update: StoredUpdate) -> Mapping[str, Any]:
        """Return the commitments to the masked update and to the parts of its mask, and the dealer's nonce."""
        return self._masking.submission(round_number, update)

    def _values(self, round_number: int, update: StoredUpdate, submitted: Update) -> Mapping[str, bytes]:
        return dict.fromkeys(self.parties, self._masking.value(round_number, update, submitted.masked or ""))
