# SPDX-License-Identifier: Apache-2.0
"""Fixtures: consortia on a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medquorum.shim import PeerError
from medquorum_testing.ledger.consortium_ledger import Consortium
from medquorum_testing.ledger.encrypted_consortium import EncryptedConsortium


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Consortium]]:
    """Make consortia that are closed afterwards."""
    made: list[Consortium] = []

    def build(kind: type[Consortium] = Consortium, **options: Any) -> Consortium:
        made.append(kind(tmp_path / f"sets{len(made)}", **options))
        return made[-1]

    yield build
    for consortium in made:
        consortium.close()


@pytest.fixture
def demo(make: Callable[..., Consortium]) -> Consortium:
    """A consortium with the task "demo", no round yet."""
    consortium = make()
    consortium.begin()
    return consortium


@pytest.fixture
def encrypted(make: Callable[..., Consortium]) -> Consortium:
    """A consortium for encrypted tasks, not initialised yet."""
    return make(EncryptedConsortium)


@pytest.fixture
def refused() -> Callable[..., str]:
    """Call something that must be refused; return the refusal's text, whose code is checked."""

    def call(code: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
        with pytest.raises(PeerError) as caught:
            function(*args, **kwargs)
        assert str(caught.value).startswith(f"{code}: "), str(caught.value)
        return str(caught.value)

    return call
