# SPDX-License-Identifier: Apache-2.0
"""A greeting that is none, or another version's, ends the verification before any material is used."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from medquorum.core import canonical
from medquorum.errors import ProtocolError
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.session.greeting import hashed
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import Session
from medquorum.verifier.session.spec import PartyInputs
from medquorum_testing.encrypted.local_dealer import LocalDealer
from medquorum_testing.encrypted.one_session import CASE, IMAGES, spec

FACTS = {"dataset": "e" * 64}
NESTED = b'{"attempts":' + b"[" * 900 + b"]" * 900 + b"}"
GREETING = {
    "attempts": 0,
    "batches": [],
    "comparing": None,
    "dealt": 0,
    "facts": hashed(FACTS),
    "images": True,
    "refusals": 0,
    "result": 0,
    "revealing": False,
    "share": True,
    "statement": None,
}


@pytest.fixture(params=[0, 1])
def refused(request, tmp_path):
    """Greet a party; return what it is refused with, and checks that it used no material and begun no attempt."""

    def greeted(greeting, message):
        transport, other = in_process()
        path = tmp_path / "a.journal"
        dealer = LocalDealer(replace(spec("tree", only_bit=False), facts=FACTS))
        index = request.param
        session = Session(PartyInputs(index, dealer.spec, Journal(path), dealer.asked(index), CASE.base, CASE.flat()))

        def greet():
            other.exchange(greeting)
            other.close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(greet)
            with pytest.raises(ProtocolError, match=message) as raised:
                session.run(transport)
        assert (dealer.attempts, Journal(path).attempts) == ([], 0)
        return raised.value

    return greeted


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"GET / HTTP/1.1",
        b"\xff\xfe",
        b"[" * 100_000,
        NESTED,
        b"[]",
        b"7",
        b"null",
        b'{"facts":{},"facts":{}}',
        b'{"attempts":0.5}',
        canonical.encode(GREETING)[:-1],
        canonical.encode(GREETING | {"facts": "x"}),
        canonical.encode(GREETING | {"batches": None}),
    ],
)
def test_garbage_is_no_greeting(refused, greeting):
    error = refused(greeting, "what came is no greeting")
    assert error.remedy == "Install the same release at both ends"


@pytest.mark.parametrize("missing", sorted(GREETING))
def test_a_version_that_says_less_is_refused(refused, missing):
    other = {name: value for name, value in GREETING.items() if name != missing}
    refused(canonical.encode(other), "no greeting: .*required")


@pytest.mark.parametrize(
    "change",
    [
        {"attempts": "0"},
        {"attempts": True},
        {"attempts": -1},
        {"attempts": (1 << 31) + 1},
        {"refusals": None},
        {"refusals": False},
        {"batches": "11"},
        {"batches": ""},
        {"batches": {}},
        {"batches": [1, "2"]},
        {"batches": [1 << 40]},
        {"comparing": "linear"},
        {"comparing": 7},
        {"facts": {"dataset": ["e"]}},
        {"images": 1},
        {"statement": {"base": {"base": {}}}},
        {"statement": {"correct": -1, "per_class_correct": [], "per_class_total": []}},
        {"more": 1},
    ],
)
def test_a_version_that_says_it_otherwise_is_refused(refused, change):
    refused(canonical.encode(GREETING | change), "what came is no greeting")


@pytest.mark.parametrize("digits", [20, 4_299, 4_300])
def test_a_number_that_no_journal_can_hold_ends_the_session_alone(refused, digits):
    """The most digits that JSON reads: with one more, nothing could be written any more."""
    greeting = canonical.encode(GREETING).replace(b'"attempts":0', b'"attempts":' + b"9" * digits)
    refused(greeting, "what came is no greeting")


def test_more_batches_than_images_are_refused(refused):
    refused(canonical.encode(GREETING | {"batches": [1] * (IMAGES + 1)}), "more batches than there are images")
