# SPDX-License-Identifier: Apache-2.0
"""An aggregation node: takes re-shares, publishes its sum to the other nodes, attests the model that follows.

Nothing leaves it before the dealer has attested the masks, and nothing but for the set of updates the ledger fixed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import structlog

from medquorum.clients.encrypted.aggregation.inbox import Inbox, Sharing
from medquorum.clients.encrypted.aggregation.membership import task_nodes
from medquorum.clients.encrypted.aggregation.record import context_of, fix_set, note_opening, opening_parties
from medquorum.clients.encrypted.aggregation.result import masked_hash, mismatch_of, model_name, next_packed
from medquorum.clients.encrypted.verification.round_folders import prune_rounds, round_folder
from medquorum.clients.ledger.round_status import ended
from medquorum.clients.runtime.reconcile import RESYNC_INTERVAL
from medquorum.clients.runtime.task_run import TaskRun
from medquorum.core.documents.aggregation.masks import Masks
from medquorum.core.documents.round import Round
from medquorum.core.files import write_durably
from medquorum.core.fixedpoint import IntArray
from medquorum.core.model import Tensors
from medquorum.core.private_files import make_private_folder
from medquorum.errors import ContractError, MedquorumError, ProtocolError, ShareError
from medquorum.gateway import GatewayError
from medquorum.verifier.binding.resharing import open_reshare, reshare_bytes
from medquorum.verifier.service.deliveries import Delivery
from medquorum.verifier.service.refusal import outward

__all__ = ["Node", "Send"]

PEER_LAG_TIMEOUT = 10.0
"""Seconds the own peer may lag behind the sender's."""
POLL_INTERVAL = 0.1
"""Seconds between two looks at the own peer while it lags."""
RETRY_DELAY = 1.0
"""Seconds after which a node or a dealer that was not there is tried again."""

Send = Callable[[str, Delivery, Sequence[bytes]], None]
"""Delivers to the node of an MSP id; raises a MedquorumError when it is not there."""


class Node:
    """One organisation's node in one task; ``step`` is idempotent and may be cut off anywhere.

    Its folder keeps what it is sent, its models, and for ever the sets whose sums were opened.

    Parameters
    ----------
    send
        Reaches the other nodes.
    salt
        Asks the dealer for a round's salt.
    base
        Returns the base model of that hash.
    accuracy
        P0's: says of a packed new model what it attests; everybody else's gives None.
    """

    def __init__(
        self,
        run: TaskRun,
        send: Send,
        salt: Callable[[int], bytes],
        base: Callable[[str], Tensors],
        accuracy: Callable[[Round, bytes], Mapping[str, Any] | None],
    ) -> None:
        self._ledger = run.ledger
        self._transactions = run.transactions
        self._task = run.task
        self._send = send
        self._salt = salt
        self._base = base
        self._accuracy = accuracy
        self._folder = run.folder
        self._inbox = Inbox(run.folder)
        self._report = run.report
        self._control = run.control
        self._guard = threading.Lock()
        self._sent: set[tuple[int, tuple[str, ...], str]] = set()

    def sizes(self, sender: str, header: Delivery) -> tuple[int, ...]:
        """Return the bytes of each message of a delivery, as its header announces it.

        Raises
        ------
        ShareError
            It cannot belong to the task, whatever its rounds say.
        """
        self._check(sender, header)
        whole = 2 * self._task.length
        payload = reshare_bytes(header.nodes, self._ledger.msp, self._task.length // 4)
        allowed: dict[str, tuple[tuple[int, ...], ...]] = {
            "ready": ((),),
            "reshare": ((payload,), (payload, whole)) if sender in opening_parties(self._task) else ((payload,),),
            "sum": ((whole,),),
        }
        for sizes in allowed[header.kind]:
            if len(sizes) == header.messages:
                return sizes
        raise ShareError(f"a {header.kind} has not {header.messages} messages", "Install the same release")

    def take(self, sender: str, header: Delivery, messages: Sequence[bytes]) -> None:
        """Take a party's re-share or another node's sum; on return it is on the disk.

        Raises
        ------
        ShareError
            It is from somebody else, for another set than the ledger's, or not the first of its kind.
        """
        sizes = self.sizes(sender, header.model_copy(update={"messages": len(messages)}))
        if tuple(map(len, messages)) != sizes:
            raise ShareError(f"a {header.kind} has another size", "Install the same release")
        if header.kind == "ready":
            return
        round_ = self._aggregating(header)
        with self._guard:
            fix_set(self._folder / "sums", round_)
            if header.kind == "reshare":
                sharing = self._inbox.new_sharing(round_.round, header.nodes)
                self._keep_reshare(sharing, sender, header, messages)
            else:
                sharing = self._inbox.sharing(round_.round, header.nodes)
                if not self._complete(sharing):  # else a node alone could fill the disk, choice by choice
                    raise ShareError("both parties' re-shares for these nodes have not come yet", "Send it again")
                sharing.keep(f"{sender}.sum", messages[0])
        self._control.wake()

    def step(self) -> float | None:
        """Do what is due now; return the seconds to the next look, None when the task ended."""
        status = self._ledger.current_status(self._task.task)
        if status is None or status.round is None:
            return RESYNC_INTERVAL
        round_ = status.round
        prune_rounds(self._folder, round_.round + 1 if ended(round_) else round_.round)
        if ended(round_):
            return None if round_.round >= self._task.rounds else RESYNC_INTERVAL
        if round_.state != "aggregating" or status.masks is None:
            return RESYNC_INTERVAL
        ready = [sharing for sharing in self._inbox.sharings(round_.round) if self._complete(sharing)]
        attested = self._ledger.msp in status.aggregates
        try:
            # Also after the own attestation: another node may still lack this one's sum.
            left = [sharing for sharing in ready if not self._published(round_, sharing, status.aggregates)]
            if not attested and any(self._opened(round_, status.masks, sharing) for sharing in ready):
                return 0
        except ProtocolError as error:
            structlog.get_logger().warning("aggregation_waits", cause=str(error))
            return RETRY_DELAY
        return RETRY_DELAY if left or (ready and not attested) else RESYNC_INTERVAL

    def _check(self, sender: str, header: Delivery) -> None:
        try:
            known, own = task_nodes(self._ledger, self._task.task), self._ledger.msp
        except (ContractError, GatewayError) as error:
            cause, remedy = outward(error)
            raise ShareError(f"not now: {cause}", remedy) from error
        chosen = header.nodes
        if header.task != self._task.task or own not in chosen or not {*chosen} <= {*known}:
            raise ShareError(f"{own} is no node of these for a task {header.task}", "Check task and address")
        if list(chosen) != sorted({*chosen}) or 2 * len(chosen) <= len(known):
            raise ShareError("the nodes are no majority of the task's, each named once", "Choose others")
        allowed = chosen if header.kind == "sum" else self._task.verifiers
        if sender not in allowed:
            raise ShareError(f"{sender} sends no {header.kind} here", "Parties send re-shares, nodes sums")

    def _keep_reshare(self, sharing: Sharing, sender: str, header: Delivery, messages: Sequence[bytes]) -> None:
        masked, opening, own = header.masked, opening_parties(self._task), self._ledger.msp
        if (sender in opening) != (masked is not None):
            raise ShareError(f"{sender}'s re-share has to name the masked parameters' sum, or not to", "Send it again")
        # Kept for good, so from nobody else: from the node itself where it opened them, else from P0.
        if (len(messages) == 2) != (sender == (own if own in opening else opening[0])):
            raise ShareError(f"{sender}'s re-share has the masked parameters' sum, or lacks it", "Send it again")
        if len(messages) == 2 and masked_hash(messages[1]) != masked:
            raise ShareError("the masked parameters' sum is not the announced one", "Send it again")
        if masked is not None:
            sharing.keep(f"{sender}.masked", masked.encode())
        if len(messages) == 2:
            sharing.keep("masked.vector", messages[1])
        sharing.keep(f"{sender}.reshare", messages[0])

    def _round(self, header: Delivery) -> Round:
        try:
            return self._ledger.round(self._task.task, header.round)
        except (ContractError, GatewayError) as error:
            cause, remedy = outward(error)
            raise ShareError(f"not now: {cause}", remedy) from error

    def _aggregating(self, header: Delivery) -> Round:
        """Read the round once the own peer has it where the sender sees it; check the accepted set."""
        round_: Round

        def has_caught_up() -> bool:
            nonlocal round_
            round_ = self._round(header)
            return round_.state == "aggregating" or ended(round_)

        self._control.await_true(has_caught_up, PEER_LAG_TIMEOUT, POLL_INTERVAL)
        if round_.state != "aggregating":
            raise ShareError(f"round {header.round} is {round_.state} here", "Compare both peers' ledger heights")
        if context_of(round_, header.nodes).set != header.set:
            raise ShareError(
                f"this is not for the accepted set of round {header.round}", "Compare both peers' ledger heights"
            )
        return round_

    def _complete(self, sharing: Sharing) -> bool:
        return sharing.has("masked.vector", *(f"{party}.reshare" for party in self._task.verifiers))

    def _opened(self, round_: Round, masks: Masks, sharing: Sharing) -> bool:
        """Attest what follows when all nodes' sums are there; return whether it did."""
        if not sharing.has(*(f"{node}.sum" for node in sharing.nodes)):
            return False
        with self._report.phase("aggregation", round=round_.round, nodes=list(sharing.nodes)):
            total = sum(
                (np.frombuffer(sharing.read(f"{node}.sum"), dtype="<i8") for node in sharing.nodes),
                np.zeros(self._task.length // 4, dtype=np.int64),
            )
            result = self._result(round_, masks, sharing, total)
        self._attest(round_, result)
        return True

    def _sum(self, round_: Round, sharing: Sharing) -> IntArray:
        """Add the re-shares of both parties."""
        context, own = context_of(round_, sharing.nodes), self._ledger.msp
        parameters = self._task.length // 4
        first, second = (
            open_reshare(context, party, own, sharing.read(f"{party}.reshare"), parameters)
            for party in self._task.verifiers
        )
        return first + second

    def _published(self, round_: Round, sharing: Sharing, attested: Container[str]) -> bool:
        """Send the own sum to the other nodes that may need it and have not got it yet; return whether all have it."""
        own = f"{self._ledger.msp}.sum"
        note_opening(self._folder / "opened", round_, self._task.minimum_accepted)
        if not sharing.has(own):
            sharing.keep(own, self._sum(round_, sharing).astype("<i8").tobytes())
        value = sharing.read(own)
        header = Delivery(
            kind="sum",
            task=round_.task,
            round=round_.round,
            set=context_of(round_, sharing.nodes).set,
            nodes=sharing.nodes,
        )

        def send(node: str) -> bool:
            try:
                self._send(node, header, [value])
            except MedquorumError as error:
                structlog.get_logger().warning("sum_not_delivered", node=node, cause=str(error))
                return False
            self._sent.add((round_.round, sharing.nodes, node))
            return True

        others = [node for node in sharing.nodes if node != self._ledger.msp and node not in attested]
        due = [node for node in others if (round_.round, sharing.nodes, node) not in self._sent]
        if not due:
            return True
        with ThreadPoolExecutor(len(due)) as pool:
            return all(list(pool.map(send, due)))

    def _result(self, round_: Round, masks: Masks, sharing: Sharing, total: IntArray) -> Mapping[str, Any]:
        masked_hashes = [sharing.read(f"{party}.masked").decode() for party in opening_parties(self._task)]
        mismatch = mismatch_of(masks, masked_hashes, sharing.read("masked.vector"), self._salt(round_.round), total)
        if mismatch is not None:
            return {"model": round_.base, "mismatch": mismatch}
        packed = next_packed(self._task, self._base(round_.base), total, round_.summands)
        accuracy = self._accuracy(round_, packed)
        place = round_folder(self._folder, round_.round) / "model.bin"
        make_private_folder(place.parent)
        write_durably(place, packed)
        return {"model": model_name(self._task, packed)} | ({} if accuracy is None else {"accuracy": accuracy})

    def _attest(self, round_: Round, result: Mapping[str, Any]) -> None:
        try:
            self._transactions.submit("AttestAggregate", self._task.task, round_.round, result)
        except ContractError as error:
            if error.code not in ("ALREADY_ATTESTED", "ROUND_STATE"):
                raise
        self._report.event("model_attested", round=round_.round, **result)
