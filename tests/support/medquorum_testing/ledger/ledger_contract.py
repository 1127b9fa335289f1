# SPDX-License-Identifier: Apache-2.0
"""The ledger in memory behind the interface the clients use, with endorsers that can be switched off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from medquorum.gateway import EndorseError, ErrorDetail, GatewayError
from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import Consortium
from medquorum_testing.ledger.memory_stub import creator


class LedgerContract:
    """One identity's contract on a ledger in memory; refusals arrive as a peer's gateway words them."""

    def __init__(self, consortium: Consortium, msp: str, unit: str = "client") -> None:
        self.consortium = consortium
        self.sender = creator(msp, unit)
        self.submitted: list[str] = []
        self.down: set[str] = set()
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self._lock = consortium.__dict__.setdefault("lock", threading.RLock())

    def evaluate(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        (peer,) = endorsing_organizations
        try:
            if name.startswith("Prepare"):
                return self.consortium.ledger.evaluate(peer, self.sender, name, *map(_text, arguments))
            with self._lock:
                return self.consortium.ledger.evaluate(peer, self.sender, name, *map(_text, arguments))
        except PeerError as error:
            raise _refused(GatewayError, error) from error

    def submit(
        self,
        name: str,
        *,
        arguments: Sequence[str | bytes] = (),
        transient: Mapping[str, str | bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
    ) -> bytes:
        call = " ".join((name, *map(_text, arguments)))
        self.before(call)
        if self.down & set(endorsing_organizations):
            raise EndorseError("endorse failed, ABORTED: connection refused", code="ABORTED")
        bytes_only = {key: value for key, value in (transient or {}).items() if isinstance(value, bytes)}
        try:
            with self._lock:
                payload = self.consortium.ledger.submit(
                    endorsing_organizations, self.sender, name, *map(_text, arguments), transient=bytes_only
                )
        except PeerError as error:
            raise _refused(EndorseError, error) from error
        self.submitted.append(call)
        self.after(call)
        return payload


def _text(argument: str | bytes) -> str:
    return argument if isinstance(argument, str) else argument.decode()


def _refused(kind: type[GatewayError], error: PeerError) -> GatewayError:
    text = f"chaincode response 500, {error}"
    return kind("failed, ABORTED", code="ABORTED", details=[ErrorDetail("peer:7051", "VerifierAMSP", text)])
