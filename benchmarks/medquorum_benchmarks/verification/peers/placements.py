# SPDX-License-Identifier: Apache-2.0
"""One update's verification in either placement, by the clients' own code, from its being hidden to the result.

P0, the witness and the hospital are a process each, the dealer that of ``peers.roles``; only the ledger is played.
``python -m medquorum_benchmarks.verification.peers.placements`` reads its part as one line of JSON and answers in lines
of JSON. Times are of the host's monotonic clock.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from medquorum.clients.encrypted.commands.party_process import CONNECT_TIMEOUT, HOSPITAL_TIMEOUT
from medquorum.clients.encrypted.party.hospital_sessions import ConfirmedShares, connection_name
from medquorum.clients.encrypted.verification.dealer_material import TaskDealer
from medquorum.clients.encrypted.verification.images import PrivateImages
from medquorum.clients.encrypted.verification.share_store import Shares, ShareStore
from medquorum.clients.encrypted.verification.spec import settings_of
from medquorum.clients.encrypted.verification.update_verification import Verification
from medquorum.clients.hospital.masked_uploader import MaskedUploader
from medquorum.clients.hospital.share_uploader import ShareUploader
from medquorum.clients.hospital.uploader import Uploader
from medquorum.clients.hospital.verification import OwnShare
from medquorum.clients.ledger.ledger import Ledger
from medquorum.clients.ledger.round_status import RoundStatus
from medquorum.clients.ledger.transactions import Transactions
from medquorum.clients.runtime.reconcile import LoopControl
from medquorum.clients.runtime.report import Report
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.clients.runtime.updates import UpdateStore
from medquorum.core import model as modelformat
from medquorum.core.documents.round import Round
from medquorum.core.documents.task import Task
from medquorum.core.documents.update import Update
from medquorum.core.inference import AccuracyCounts
from medquorum.core.model import Tensors
from medquorum.verifier.service.identity import Credentials
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import SILENCE_TIMEOUT, PartyListener, connect_party
from medquorum.verifier.service.server import Server
from medquorum.verifier.service.share_receipt import ShareReceiptService, has_share
from medquorum.verifier.service.share_upload import ShareUpload
from medquorum_benchmarks.verification.peers.networks import Network
from medquorum_benchmarks.verification.peers.process import peak_bytes
from medquorum_benchmarks.verification.peers.roles import HOSPITAL, PARTIES, TASK, send_json, take_part

__all__: list[str] = []

_ROUND = 1
_WAIT = 120.0


class _PlayedLedger:
    """What the roles read of the ledger: one round whose only update is there once the hospital has committed."""

    def __init__(self, msp: str, task: Task) -> None:
        self.msp = msp
        self._task = task
        self._updates: dict[str, Update] = {}

    def submitted(self, bound: dict[str, Any]) -> Update:
        """Have the hospital's commitments on it, and return them."""
        named = {"task": TASK, "round": _ROUND, "hospital": HOSPITAL}
        at = {"base": self._task.initial_model, "layout": self._task.layout}
        self._updates[HOSPITAL] = Update.model_validate(named | at | bound)
        return self._updates[HOSPITAL]

    def task(self, _name: str) -> Task:
        """Return the task."""
        return self._task

    def status(self, _task: str = TASK, _round: int = _ROUND) -> RoundStatus:
        """Return the round."""
        round_ = Round(
            task=TASK,
            round=_ROUND,
            state="verifying",
            base=self._task.initial_model,
            candidates=[HOSPITAL],
            commitments={HOSPITAL: "0" * 64},
        )
        return RoundStatus(round_, dict(self._updates))


class _Prepared(Verification):
    """A party that has read and judged the base model before, as it has after a round's first update."""

    known: tuple[Tensors, AccuracyCounts | None]

    def base(self, model: str) -> tuple[Tensors, AccuracyCounts | None]:
        """Return the base model."""
        return self.known


class _Role:
    """What the three have in common."""

    def __init__(self, msp: str, own: Credentials, part: dict[str, Any], folder: Path) -> None:
        self.task = Task.model_validate(part["task"])
        self.settings = settings_of(self.task)
        self.own = own
        self.folder = folder
        self.played = _PlayedLedger(msp, self.task)
        self.ledger = cast(Ledger, self.played)
        self.quiet = Report("benchmark", msp, as_json=True, stream=io.StringIO())
        self.update = Network(part["model"]).flat().astype("<i4").tobytes()
        self.images = Path(part["images"])

    def store(self, index: int) -> ShareStore:
        """Keep what the hospital uploads."""
        return ShareStore(self.folder / "shares", self.ledger, self.task, index)

    def verification(self, index: int, shares: Shares) -> _Prepared:
        """Make a party of the verification."""
        images = PrivateImages(self.images, self.task) if index == 0 else None
        dealer = TaskDealer(self.task, self.own, index)
        nothing = cast(Transactions, None)  # nobody attests here
        run = TaskRun(self.ledger, nothing, self.task, self.folder, self.quiet, LoopControl())
        made = _Prepared(run, index, dealer, shares, images)
        base = modelformat.unpack(modelformat.parse(self.task.model), self.update)
        made.known = base, None if images is None else images.count_correct(base)
        return made


def _first(role: _Role) -> None:
    settings, store = role.settings, role.store(0)
    witness = settings.parties[1]

    def confirmed(round_number: int, hospital: str) -> bool:
        return has_share(role.own, settings.services[witness], witness, TASK, round_number, hospital, CONNECT_TIMEOUT)

    own = settings.semi_honest
    shares: Shares = ConfirmedShares(store, confirmed, LoopControl()) if own else store
    address = settings.services[PARTIES[0]]
    lines = Lines(role.own, address)
    listener = PartyListener(lines, HOSPITAL_TIMEOUT if own else SILENCE_TIMEOUT)
    verification = role.verification(0, shares)
    with lines, Server(role.own, address, [listener, ShareUpload(store.longest, store.take)]):
        _submission(role)
        name, peer = (connection_name(TASK, _ROUND, HOSPITAL), HOSPITAL) if own else (f"{TASK}/{_ROUND}", witness)
        with closing(listener.accept(name, peer, _WAIT)) as connection:
            status = role.played.status()
            if own:
                shares.wait(status, HOSPITAL, _WAIT)  # before a place to compute is taken, and asked again in it
            result = verification.verify(connection, status, HOSPITAL, _WAIT)
        _ended(result)


def _witness(role: _Role) -> None:
    store = role.store(1)
    receipt = ShareReceiptService(PARTIES[0], lambda name, *update: name == TASK and store.holds(*update))
    verification = None if role.settings.semi_honest else role.verification(1, store)
    with Server(role.own, role.settings.services[PARTIES[1]], [ShareUpload(store.longest, store.take), receipt]):
        _submission(role)
        if verification is not None:
            # As the hospital does: P0 awaits the line by then, or a dial in vain would count.
            store.wait(role.played.status(), HOSPITAL, _WAIT)
            _dial(role, f"{TASK}/{_ROUND}", verification)
        sys.stdin.readline()


def _hospital(role: _Role) -> None:
    updates = UpdateStore(role.folder / "updates")
    update = updates.save(_ROUND, role.task.initial_model, role.update)
    given = role.task, role.settings, HOSPITAL, role.own, role.quiet
    sender: Uploader = MaskedUploader(*given, updates)
    own = None
    if role.settings.semi_honest:
        sender = shares = ShareUploader(*given)
        own = role.verification(1, OwnShare(shares, updates))
    send_json({})
    sys.stdin.readline()
    began = perf_counter()
    bound = dict(sender.submission(_ROUND, update))
    send_json({"began": began, "commitments": bound})
    sender.send(_ROUND, update, role.played.submitted(bound))
    if own is not None:
        _dial(role, connection_name(TASK, _ROUND, HOSPITAL), own)


def _dial(role: _Role, name: str, verification: Verification) -> None:
    """Be party P1."""
    first = PARTIES[0]
    with closing(connect_party(role.own, role.settings.services[first], first, name, _WAIT)) as connection:
        result = verification.verify(connection, role.played.status(), HOSPITAL, 0)
    _ended(result)


def _submission(role: _Role) -> None:
    """Signal that the service is there, and take what the hospital committed to."""
    send_json({})
    role.played.submitted(json.loads(sys.stdin.readline()))


def _ended(result: dict[str, Any]) -> None:
    send_json(
        {"ended": perf_counter(), "peak": peak_bytes(), "counts": result["counts"], "transcript": result["transcript"]}
    )


def main() -> None:
    """Be the role that the first line of standard input names."""
    part, own = take_part()
    play = {PARTIES[0]: _first, PARTIES[1]: _witness, HOSPITAL: _hospital}[part["role"]]
    with tempfile.TemporaryDirectory() as folder:
        play(_Role(part["role"], own, part, Path(folder)))


if __name__ == "__main__":
    main()
