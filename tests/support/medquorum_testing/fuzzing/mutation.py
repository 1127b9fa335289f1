# SPDX-License-Identifier: Apache-2.0
"""Bends inputs at random: bytes of any form, and JSON documents at a place within them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

__all__ = ["mutated"]

MOST_BYTES = 1 << 20
NUMBERS = (0, 1, -1, 2, 127, 255, 256, 65535, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, -(1 << 63))
TEXTS = (
    "",
    " ",
    "\x00",
    "\n",
    "\x1b[2J",
    "é",
    "\U0010ffff",
    "x" * 300,
    "../x",
    "a" * 64,
    "0" * 64,
    "demo",
    "-1",
    "1e9",
)
RAW = {  # what json.dumps does not write
    "@huge@": "9" * 5000,
    "@float@": "1.5",
    "@overflow@": "1e999",
    "@nan@": "NaN",
    "@half@": '"\\ud800"',
    "@deep@": "[" * 40 + "]" * 40,
    "@deeper@": "[" * 2000 + "]" * 2000,
    "@repeated@": '{"a":1,"a":1}',
}


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return an input made from one of the seeds, or of random bytes."""
    if random.random() < 0.02:
        return random.randbytes(random.choice((0, 1, 4, 100, 3000)))
    seed = random.choice(seeds)
    document = _parsed(seed)
    if document is not None and random.random() < 0.8:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            document = _bent(random, document)
        data = _text(document).encode(errors="replace")
        return data if random.random() < 0.9 else _bytes(random, data, seeds)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        seed = _bytes(random, seed, seeds)
    return seed


def _parsed(data: bytes | str) -> Any:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _text(document: Any) -> str:
    text = json.dumps(document, separators=(",", ":"))
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return every place in a document as its container and key or index."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        for key in list(one) if isinstance(one, dict) else range(len(one)):
            yield one, key
            if isinstance(one[key], dict | list):
                waiting.append(one[key])


def _bent(random: Random, document: Any) -> Any:
    copy = json.loads(json.dumps(document))
    places = list(_places(copy)) if isinstance(copy, dict | list) else []
    if not places:
        return _value(random, copy)
    container, key = random.choice(places)
    inner = _parsed(container[key]) if isinstance(container[key], str) else None
    kind = random.random()
    if inner is not None and kind < 0.8:
        container[key] = _text(_bent(random, inner))
    elif kind < 0.5:
        container[key] = _value(random, container[key])
    elif kind < 0.65:
        other, place = random.choice(places)
        container[key] = json.loads(json.dumps(other[place]))
    elif kind < 0.8:
        del container[key]
    elif isinstance(container, list):
        container.extend([container[key]] * random.choice((1, 1, 300)))
    else:
        container[random.choice(TEXTS)] = container[key]
    return copy


def _value(random: Random, value: Any) -> Any:
    """Return something else in place of a value; near to it where it is a number or a text."""
    if isinstance(value, int) and random.random() < 0.5:
        return random.choice((value + 1, value - 1, -value, value << 8, value << 32))
    if isinstance(value, str) and value and random.random() < 0.3:
        place = random.randrange(len(value))
        return value[:place] + random.choice(("", "0", "Z", "\x00", value)) + value[place + 1 :]
    return random.choice((None, True, False, [], {}, [[]], *NUMBERS, *TEXTS, *RAW))


def _bytes(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    bent = bytearray(data)
    start = random.randrange(len(bent) + 1)
    end = min(len(bent), start + random.choice((1, 1, 2, 4, 8, 64, 1024)))
    kind = random.randrange(7)
    if kind == 0 and start < len(bent):
        bent[start] ^= 1 << random.randrange(8)
    elif kind == 1:
        number = random.choice(NUMBERS) & ((1 << 64) - 1)
        size = random.choice((1, 2, 4, 8))
        bent[start : start + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, random.choice(("little", "big")))
    elif kind == 2:
        del bent[start:end]
    elif kind == 3:
        bent[start:start] = random.randbytes(random.choice((1, 2, 8, 100)))
    elif kind == 4:
        bent[start:start] = bent[start:end] * random.choice((1, 2, 50))
    elif kind == 5:
        other = random.choice(seeds)
        place = random.randrange(len(other) + 1)
        bent[start:] = other[place:]
    else:
        bent[start:end] = random.randbytes(end - start)
    return bytes(bent[:MOST_BYTES])
