# SPDX-License-Identifier: Apache-2.0
"""Messages in frames, gates' messages of the dealer, shares and re-shares by their bytes."""

from medquorum.errors import ProtocolError
from medquorum.verifier.binding.commitment import ShareContext, open_share
from medquorum.verifier.binding.resharing import AggregationContext, open_reshare
from medquorum.verifier.randomness.identifier import MaterialId
from medquorum.verifier.service.dealing.gate_frames import decode_gate, gate_header
from medquorum.verifier.service.frames import read_message, split
from medquorum.verifier.service.refusal import refusal

NAME = MaterialId("demo", 1, "Hospital1MSP", 1)
SHARE = ShareContext("demo", 1, "Hospital1MSP", "b" * 64, "l" * 64)
SUM = AggregationContext("demo", 1, "b" * 64, [("Hospital1MSP", "c" * 64, 1)], ["AMSP", "BMSP"])
SEEDS = [
    b"".join(split(gate_header(NAME.at(3, "relu1")) + b"message")),
    b"".join(split(b"")),
    gate_header(NAME.at(0, "input")),
    b'{"cause":"not now","error":"ShareError","remedy":"Wait"}',
    bytes(32 + 32),
    bytes(32 + 8 * 5),
    bytes(8 * 5),
]


def run(data: bytes) -> None:
    refusal(data.decode(errors="replace"))
    parsers = [
        lambda: read_message(iter([data, data[:100], b""]).__next__, 1 << 20),
        lambda: decode_gate(NAME, memoryview(data)),
        lambda: open_share(SHARE, "AMSP", 0, data, SHARE.commitment("AMSP", data), 5),
        lambda: open_share(SHARE, "BMSP", 1, data, SHARE.commitment("BMSP", data), 5),
        lambda: open_reshare(SUM, "AMSP", "AMSP", data, 5),
        lambda: open_reshare(SUM, "AMSP", "BMSP", data, 5),
    ]
    for parse in parsers:
        try:
            parse()
        except (ProtocolError, StopIteration):  # the frames' end passes through, as it says
            continue
