# SPDX-License-Identifier: Apache-2.0
"""A minute of bent inputs for all parsers; ``scripts/fuzz`` takes an hour."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from medquorum.core import canonical
from medquorum.errors import DataError, MedquorumError
from medquorum_testing.fuzzing.mutation import mutated
from medquorum_testing.fuzzing.runner import Target, fuzz, load, names

SECONDS = 60


@pytest.mark.parametrize("name", names())
def test_nothing_foreign_is_raised(name: str) -> None:
    target = load(name)
    seed, count, found = secrets.randbits(32), 0, None
    while found is None and count <= len(target.seeds):  # a busy machine takes longer to come to the bent inputs
        count, found = fuzz(target, SECONDS / len(names()), seed, count)
    assert found is None, found.keep()


def test_a_foreign_exception_is_found_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(data: bytes) -> None:
        if b'"a":9' in data and b"[" * 40 in data:
            raise KeyError("foreign")
        raise DataError("the project's own")

    target = Target("example", [b'{"a":1,"b":[2,"text"],"c":{"d":null}}'], run)
    count, found = fuzz(target, 60, 7)
    assert found is not None
    assert (found.number, "KeyError" in found.what) == (count, True)
    assert fuzz(target, 0, 7, found.number)[1] == found
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = found.keep()
    assert f"--seed 7 --only {count}" in said
    (kept,) = tmp_path.iterdir()
    assert (kept.read_bytes(), str(kept) in said) == (found.data, True)


def test_every_rule_and_every_message_among_the_seeds_is_one_of_this_version() -> None:
    taken: dict[bytes, bool] = {}
    for name in ("rules", "messages"):
        target = load(name)
        for seed in target.seeds:
            document = json.loads(seed)
            subject = canonical.encode(document.get("raw", document))  # a message is tried as each of their kinds
            with suppress(MedquorumError):
                target.run(seed)
                taken[subject] = True
            taken.setdefault(subject, False)
    assert [subject for subject, known in taken.items() if not known] == []


@pytest.mark.parametrize("slow", [1, 2])
def test_an_input_is_slow_only_where_it_is_so_twice(slow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medquorum_testing.fuzzing.runner.SLOW", 0.05)
    runs = []

    def run(data: bytes) -> None:
        runs.append(data)
        end = time.monotonic() + 0.1
        while len(runs) <= slow and time.monotonic() < end:
            pass

    count, found = fuzz(Target("example", [b"{}"], run), 0, 7, inputs=1)
    assert (count, found is not None) == ((0, True) if slow == 2 else (1, False))


def test_so_many_inputs_are_counted_by_who_is_sent_them() -> None:
    received: Counter[str] = Counter()
    count, found = fuzz(load("services"), 0, 7, inputs=300, received=received)
    assert found is None, found.keep()
    assert count == received.total() == 300
    assert set(received) == {"dealer", "P0", "P1"}


def test_mutations_follow_from_the_seed_and_differ() -> None:
    seeds = [b'{"a":1,"b":[2,"text"]}', bytes(range(100))]
    made = [mutated(Random(number), seeds) for number in range(500)]
    assert made == [mutated(Random(number), seeds) for number in range(500)]
    assert len(set(made)) > 400
