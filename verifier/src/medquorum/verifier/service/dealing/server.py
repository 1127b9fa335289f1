# SPDX-License-Identifier: Apache-2.0
"""The dealer's service: material for both parties, once they have asked for the same.

1. Each party asks for a verification's attempt (:class:`DealRequest`). The first waits for the second.
2. The dealer notes the attempt as dealt, on the disk, and draws two seeds.
3. Each party is answered with its seed, that of the mask of the update's parameters, which all attempts have in common,
   and the offer of a line. On the line it gets every gate's message under its name, as fast as it takes them. Its call
   ends when all is taken, or says why not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc

from medquorum.errors import MaterialError, MedquorumError, ProtocolError
from medquorum.verifier.randomness.channel import CREDIT, Channel
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.randomness.parts import Parts
from medquorum.verifier.randomness.stream import new_seed
from medquorum.verifier.service.dealing.gate_frames import gate_header
from medquorum.verifier.service.dealing.record import Record
from medquorum.verifier.service.dealing.request import DealRequest
from medquorum.verifier.service.line.line import Line
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.session.greeting import ATTEMPTS

__all__ = ["PROBE", "SERVICE", "Dealings"]

SERVICE = "medquorum.Dealer"
PROBE = 1 << 20
"""Bytes of the answer by which a party measures the link."""
COUNTERPART_TIMEOUT = 120.0
"""Seconds the dealer waits for the other party, and for what is dealt to be taken."""
LINE_SECONDS = 30.0
"""Seconds within which a party must have taken up its line."""
_GRACE = 5.0
MaskSeeds = Callable[[MaterialId], tuple[bytes, bytes]]


class _Meeting:
    """Both parties' requests for one attempt, and what is dealt for them."""

    def __init__(self) -> None:
        self.requests: dict[int, DealRequest] = {}
        self.seeds = new_seed(), new_seed()
        self.mask_seeds = b"", b""
        self.channels = Channel(CREDIT), Channel(CREDIT)
        self.over = threading.Event()
        self.calls: dict[int, grpc.ServicerContext] = {}
        self.settled = False
        self.refused: MedquorumError | None = None
        self.failure: MedquorumError | None = None

    def deal(self, mask_seeds_of: MaskSeeds) -> None:
        """Deal into both channels, then close them; ``failure`` says why not everything was dealt."""
        request = self.requests[0]
        self.failure = ProtocolError("the dealer has failed", "Look at its log, then ask for the next attempt")
        try:
            for name, messages in request.plan.deal(self.seeds, request.name, self.mask_seeds, mask_seeds_of):
                for channel, message in zip(self.channels, messages, strict=True):
                    channel.send(name, message)
            self.failure = None
        except MedquorumError as error:
            self.failure = error
        finally:
            self.over.set()
            self.stop()

    def stop(self) -> None:
        """Deal no more; what waits for a party can still be taken."""
        for channel in self.channels:
            channel.close()

    def send(self, party: int, line: Line) -> None:
        """Send a party every gate's message under its name; raises what kept the dealer from dealing everything."""
        while True:
            try:
                name, message = self.channels[party].receive()
            except ProtocolError:
                self.over.wait()
                if self.failure is not None:
                    raise self.failure from None
                return
            line.write(gate_header(name), *(message.parts if isinstance(message, Parts) else [message]))


class Dealings:
    """The service.

    Parameters
    ----------
    record
        File of the attempts that were dealt; no other dealer may use it.
    lines
        Where the parties' lines arrive.
    approve
        Called with every request, in its call's thread; raises a MedquorumError to refuse it, as when the ledger does
        not know the task, its parties, this dealer or this plan.
    mask_seeds
        Returns the seeds of the mask of an update's parameters, on the disk before they are returned: the same in every
        attempt. By default each attempt has its own.
    timeout
        Seconds for which a party waits for the other one.
    """

    def __init__(
        self,
        record: Path,
        lines: Lines,
        approve: Callable[[DealRequest], None],
        mask_seeds: MaskSeeds = lambda _: (new_seed(), new_seed()),
        *,
        timeout: float = COUNTERPART_TIMEOUT,
    ) -> None:
        self._record = Record(record)
        self._lines = lines
        self._approve = approve
        self._mask_seeds = mask_seeds
        self._timeout = timeout
        self._meetings: dict[bytes, _Meeting] = {}
        self._changed = threading.Condition()

    def handler(self, caller: Callable[[grpc.ServicerContext], str]) -> grpc.GenericRpcHandler[bytes, bytes]:
        """Return the gRPC handler."""

        def deal(raw: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            msp_id = caller(context)
            request = self._request(raw, msp_id)
            meeting = self._meet(request, context)
            with self._lines.expect(msp_id) as expected:
                yield meeting.seeds[request.party] + meeting.mask_seeds[request.party] + expected.offer.encode()
                line = expected.line(LINE_SECONDS)
            if line is None:
                raise ProtocolError(
                    f"the line was not taken up within {LINE_SECONDS:.0f} s", "Ask for the next attempt"
                )
            if not context.add_callback(line.hang_up):
                line.hang_up()  # the call has ended: nothing else would end a line that nobody reads
            try:
                meeting.send(request.party, line)
            except OSError as error:
                raise ProtocolError("the party takes no more material", "Look at its log") from error
            finally:
                line.finish(_GRACE)

        def measure(raw: bytes, context: grpc.ServicerContext) -> bytes:
            caller(context)
            return bytes(PROBE if raw else 0)

        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Deal": grpc.unary_stream_rpc_method_handler(deal),
                "Probe": grpc.unary_unary_rpc_method_handler(measure),
            },
        )

    def _request(self, raw: bytes, msp_id: str) -> DealRequest:
        request = DealRequest.decode(raw)
        named = request.plan.parties[request.party]
        if msp_id != named:
            raise MaterialError(f"party {request.party} is {named}, not {msp_id}", "Ask with that party's certificate")
        self._approve(request)
        return request

    def _meet(self, request: DealRequest, context: grpc.ServicerContext) -> _Meeting:
        """Wait until both parties have asked; the second one's call begins the dealing."""
        with self._changed:
            self._record.check(request.key)
            meeting = self._meetings.setdefault(request.key, _Meeting())
            if not context.add_callback(lambda: self._leave(request, meeting)):
                self._withdraw(request, meeting)
                raise ProtocolError("the party has gone", "Ask again")
            meeting.calls[request.party] = context
            meeting.requests[request.party] = request  # in place of an earlier call's, which may be dead
            self._changed.notify_all()
            if len(meeting.requests) == 2:
                self._settle(meeting)
            self._changed.wait_for(
                lambda: meeting.settled or meeting.requests.get(request.party) is not request, self._timeout
            )
            if meeting.requests.get(request.party) is not request:
                raise ProtocolError("this party has asked anew, or gone", "Wait for the newer call")
            if not meeting.settled:
                self._withdraw(request, meeting)
                raise ProtocolError(
                    f"{request.plan.parties[1 - request.party]} did not ask within {self._timeout:.0f} s",
                    "Check that its agent runs, then ask again",
                )
        if meeting.refused is not None:
            raise meeting.refused
        return meeting

    def _settle(self, meeting: _Meeting) -> None:
        """Deal or refuse, now that both parties have asked."""
        first, second = meeting.requests[0], meeting.requests[1]
        del self._meetings[first.key]
        try:
            if first.other != second:
                raise MaterialError("the parties asked for different plans", "Run the same version on the same task")
            self._record.check(first.key)
            if self._record.uses(first.series) >= ATTEMPTS:
                raise MaterialError(f"{ATTEMPTS} attempts were dealt before", "Leave this update out")
            self._record.use(first.key)
            if first.plan.has_update:
                meeting.mask_seeds = self._mask_seeds(first.name)
            threading.Thread(target=meeting.deal, args=(self._mask_seeds,), name="dealing", daemon=True).start()
        except MedquorumError as error:
            meeting.refused = error
        meeting.settled = True
        self._changed.notify_all()

    def _leave(self, request: DealRequest, meeting: _Meeting) -> None:
        """Note that a party's call has ended: nothing more is dealt, the other one may still take what waits for it."""
        with self._changed:
            if meeting.settled and meeting.requests[request.party] is request:
                meeting.stop()
                self._end_soon(meeting.calls[1 - request.party])
            elif not meeting.settled:
                self._withdraw(request, meeting)

    def _end_soon(self, call: grpc.ServicerContext) -> None:
        """End a call that is still there after a while: a party that stops reading would keep thread and material."""
        timer = threading.Timer(self._timeout, call.cancel)
        timer.daemon = True
        if call.add_callback(timer.cancel):
            timer.start()

    def _withdraw(self, request: DealRequest, meeting: _Meeting) -> None:
        if meeting.requests.get(request.party) is request:
            del meeting.requests[request.party]
            self._changed.notify_all()
        if not meeting.requests and self._meetings.get(request.key) is meeting:
            del self._meetings[request.key]
