# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fabric_protos.common.common_pb2 import Envelope, Status

from medquorum.network.consortium.consortium import Channel
from medquorum.network.devnet.ledger.progress import Progress
from medquorum.network.devnet.ledger.transaction import channel_header
from medquorum.network.devnet.orderer.orderer import Orderer, Rejected
from medquorum.network.devnet.peer.read_write_set import ReadWriteSet
from medquorum_testing.network.devnet_ledger import CHAINCODE, B, HandMadeLedger


def envelope(made: HandMadeLedger, key: str, size: int = 1, creator: str = "VerifierAMSP") -> Envelope:
    result = ReadWriteSet()
    result.write(CHAINCODE, key, b"x" * size)
    return Envelope.FromString(made.transaction(result, creator=creator))


def run(
    made: HandMadeLedger, channel: Channel, action: Callable[[Orderer, Progress], Awaitable[None]], *, bft: bool = False
) -> None:
    """Run an action against an orderer, then stop it; what it accepted is committed."""

    async def main() -> None:
        progress = Progress(made.ledger)
        with ThreadPoolExecutor(1) as executor:
            orderer = Orderer(made.ledger, channel, executor, progress.committed, bft=bft)
            orderer.start()
            await action(orderer, progress)
            await orderer.stop()

    asyncio.run(main())


def sizes(made: HandMadeLedger) -> list[int]:
    blocks = [made.ledger.block(number) for number in range(1, made.ledger.height)]
    return [len(block.data.data) for block in blocks if block is not None]


def test_batches_are_cut_by_count(hand_made: HandMadeLedger) -> None:
    async def action(orderer: Orderer, progress: Progress) -> None:
        for number in range(7):
            orderer.accept(envelope(hand_made, f"k{number}"))
        await progress.height_above(2)

    run(hand_made, Channel(batch_interval_ms=60_000, max_message_count=3), action)
    assert sizes(hand_made) == [3, 3, 1]


def test_batches_are_cut_by_size(hand_made: HandMadeLedger) -> None:
    async def action(orderer: Orderer, progress: Progress) -> None:
        for number in range(3):
            orderer.accept(envelope(hand_made, f"k{number}", 40_000))
        orderer.accept(envelope(hand_made, "large", 100_000))
        await progress.height_above(3)

    run(hand_made, Channel(batch_interval_ms=60_000, preferred_max_bytes=1 << 16), action)
    assert sizes(hand_made) == [1, 1, 1, 1]


def test_batches_are_cut_by_time(hand_made: HandMadeLedger) -> None:
    async def action(orderer: Orderer, progress: Progress) -> None:
        orderer.accept(envelope(hand_made, "k"))
        await asyncio.wait_for(progress.height_above(1), 20)

    run(hand_made, Channel(batch_interval_ms=10), action)
    assert sizes(hand_made) == [1]


def test_stopping_commits_what_was_accepted(hand_made: HandMadeLedger) -> None:
    async def action(orderer: Orderer, progress: Progress) -> None:
        orderer.accept(envelope(hand_made, "k"))

    run(hand_made, Channel(batch_interval_ms=60_000), action)
    assert hand_made.get("k") == b"x"


def test_those_who_wait_learn_the_outcome(hand_made: HandMadeLedger) -> None:
    one = envelope(hand_made, "k")
    outcomes: list[tuple[int, int]] = []

    async def action(orderer: Orderer, progress: Progress) -> None:
        header = channel_header(one.SerializeToString())
        assert header is not None
        waiting = asyncio.gather(*(progress.outcome(header.tx_id) for _ in range(3)))
        orderer.accept(one)
        outcomes.extend(await asyncio.wait_for(waiting, 20))
        outcomes.append(await progress.outcome(header.tx_id))

    run(hand_made, Channel(batch_interval_ms=10), action)
    assert outcomes == [(1, 0)] * 4


@pytest.mark.parametrize(("bft", "expected"), [(False, [2, 1]), (True, [1])])
def test_repetitions(hand_made: HandMadeLedger, bft: bool, expected: list[int]) -> None:
    one = envelope(hand_made, "k")

    async def action(orderer: Orderer, progress: Progress) -> None:
        orderer.accept(one)
        orderer.accept(one)
        await progress.height_above(1)
        if bft:
            with pytest.raises(Rejected, match="already processed") as raised:
                orderer.accept(one)
            assert raised.value.status == Status.SERVICE_UNAVAILABLE
        else:
            orderer.accept(one)

    run(hand_made, Channel(batch_interval_ms=10), action, bft=bft)
    assert sizes(hand_made) == expected
    assert hand_made.get("k") == b"x"


def test_what_an_orderer_refuses(hand_made: HandMadeLedger) -> None:
    forged = envelope(hand_made, "k")
    forged.signature = hand_made.clients[B].sign(forged.payload)
    large = envelope(hand_made, "k", (1 << 20) + 1)

    async def action(orderer: Orderer, progress: Progress) -> None:
        for bad, status in (
            (forged, Status.FORBIDDEN),
            (large, Status.BAD_REQUEST),
            (Envelope(payload=b"\xff"), Status.BAD_REQUEST),
            (Envelope(), Status.BAD_REQUEST),
        ):
            with pytest.raises(Rejected) as raised:
                orderer.accept(bad)
            assert raised.value.status == status

    run(hand_made, Channel(absolute_max_bytes=1 << 20, preferred_max_bytes=1 << 20), action)
    assert sizes(hand_made) == []
