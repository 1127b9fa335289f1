# SPDX-License-Identifier: Apache-2.0
"""Calls to an organisation's services: any frames to any method. The first byte names the method."""

import json
from types import SimpleNamespace

from medquorum.core import canonical
from medquorum.errors import MedquorumError, ShareError
from medquorum.verifier.service.dealing.server import Dealings
from medquorum.verifier.service.deliveries import Deliveries
from medquorum.verifier.service.frames import split_all
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.party_connection import PartyListener
from medquorum.verifier.service.salts import Salts
from medquorum.verifier.service.share_receipt import ShareReceiptService
from medquorum.verifier.service.share_upload import ShareUpload
from medquorum.verifier.service.update_masks import UpdateMask, UpdateMasks
from medquorum_testing.encrypted.service_identities import credentials
from medquorum_testing.fuzzing.runner import load, scratch_file


class Ended(MedquorumError):
    """The service has ended the call."""


class Call:
    """What a service sees of a call."""

    def abort(self, code: object, details: str) -> None:
        details.encode()
        raise Ended(details)

    def cancel(self) -> None:
        pass

    def add_callback(self, callback: object) -> bool:
        return False


def refuse(*_: object) -> None:
    raise ShareError("not here", "Elsewhere")


LINES = Lines(credentials("P0MSP", ["HospitalMSP"]), "127.0.0.1:0")
SERVICES = [
    ("P0", "ShareUpload/PutShare", ShareUpload(lambda *_: 100, lambda *_: None)),
    ("P1", "ShareUpload/PutShare", ShareUpload(lambda *_: 100, lambda *_: None)),
    ("P1", "ShareReceipt/Ask", ShareReceiptService("HospitalMSP", lambda *_: True)),
    ("dealer", "Salts/Take", Salts(lambda *_: bytes(32))),
    ("dealer", "UpdateMasks/Take", UpdateMasks(lambda *_: UpdateMask("e" * 64, (bytes(32), bytes(32))))),
    ("P0", "Aggregation/Put", Deliveries(lambda *_: [100], lambda *_: None)),
    ("P1", "Aggregation/Put", Deliveries(lambda *_: [100], lambda *_: None)),
    ("P0", "PartyConnection/Open", PartyListener(LINES, 0.01)),
    ("dealer", "Dealer/Deal", Dealings(scratch_file("dealt"), LINES, refuse, timeout=0.01)),
]
"""Whose, the method, and the service; P1 hears P0 over the connection it has opened (target greeting)."""
HANDLERS = [
    service.handler(lambda _: "HospitalMSP").service(SimpleNamespace(method=f"/medquorum.{method}"))
    for _, method, service in SERVICES
]
MESSAGES = [json.loads(canonical.decode(seed)["raw"]) for seed in load("messages").seeds]
REQUEST = next(message for message in MESSAGES if "plan" in message)
DELIVERY = next(message for message in MESSAGES if "masked" in message)
VALUE = b"\x00" * 50


def frames(number: int, header: bytes) -> bytes:
    """Return a call's frames, each behind its length."""
    handler = HANDLERS[number]
    sent = list(split_all([header, VALUE])) if handler.request_streaming else [header]
    return bytes([number]) + b"".join(len(frame).to_bytes(4, "big") + frame for frame in sent)


HEADERS = [
    b'{"round":1,"task":"demo"}',
    b'["demo",1,"Hospital1MSP"]',
    b'{"hospital":"Hospital1MSP","round":1,"task":"demo"}',
    b'{"connection":"demo/1"}',
    canonical.encode({"base": "e" * 64, "round": 1, "task": "demo"}),
    canonical.encode(REQUEST),
    canonical.encode(DELIVERY),
]
SEEDS = [frames(number, header) for number in range(len(SERVICES)) for header in HEADERS]


def receiver(data: bytes) -> str:
    return SERVICES[(data[0] if data else 0) % len(SERVICES)][0]


def run(data: bytes) -> None:
    handler, data, sent = HANDLERS[(data[0] if data else 0) % len(HANDLERS)], data[1:], []
    while len(data) > 4:
        length = int.from_bytes(data[:4], "big")
        sent.append(data[4 : 4 + length])
        data = data[4 + length :]
    kind = "_".join("stream" if one else "unary" for one in (handler.request_streaming, handler.response_streaming))
    answer = getattr(handler, kind)(iter(sent) if handler.request_streaming else b"".join(sent), Call())
    if handler.response_streaming:
        for _ in zip(answer, range(3), strict=False):
            pass
