# SPDX-License-Identifier: Apache-2.0
"""A greeting that is none, or another version's, ends the verification before any material is used."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from medquorum.core import canonical
from medquorum.errors import ProtocolError
from medquorum.verifier.opening.transport import in_process
from medquorum.verifier.session.journal import Journal
from medquorum.verifier.session.session import Secrets, Session
from medquorum_testing.local_dealer import LocalDealer
from medquorum_testing.one_session import CASE, order

FACTS = {"dataset": "e" * 64}
GREETING = {
    "attempts": 0,
    "batches": [],
    "comparing": None,
    "facts": FACTS,
    "images": True,
    "refusals": 0,
    "share": True,
    "statement": None,
}


@pytest.fixture(params=[0, 1])
def refused(request, tmp_path):
    """Greet a party; gives what it is refused with, and checks that it used no material and begun no attempt."""

    def greeted(greeting, message):
        line, other = in_process()
        path = tmp_path / "a.journal"
        dealer = LocalDealer(replace(order("tree", only_bit=False), facts=FACTS))
        secrets = Secrets(CASE.base, CASE.flat())
        session = Session(
            request.param,
            line,
            Journal(path),
            dealer.order,
            secrets,
            dealer.material(request.param),
            lambda: 1e9,
        )

        def greet():
            other.exchange(greeting)
            other.close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(greet)
            with pytest.raises(ProtocolError, match=message) as raised:
                session.run()
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
    error = refused(greeting, "greeting is not one")
    assert error.remedy == "Install the same release"


@pytest.mark.parametrize("missing", sorted(GREETING))
def test_a_version_that_says_less_is_refused(refused, missing):
    other = {name: value for name, value in GREETING.items() if name != missing}
    refused(canonical.encode(other), "greeting is not one")


@pytest.mark.parametrize("change", [{"attempts": "0"}, {"refusals": None}, {"batches": "11"}, {"batches": [1, "2"]}])
def test_a_version_that_says_it_otherwise_is_refused(refused, change):
    refused(canonical.encode(GREETING | change), "differ about the form of a greeting")
