# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test."""

from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from medquorum.clients.runtime.logs import LIBRARY
from medquorum_testing.network.folder_network import deselect_devnet_twins
from medquorum_testing.network.networks import has_fabric, networks

__all__ = ["networks"]

# Tests hold what is computed, not how fast: a busy machine makes none fail. benchmarks/ has the speed.
hypothesis.settings.register_profile("medquorum", deadline=None)
hypothesis.settings.load_profile("medquorum")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the networks once ``-m`` and ``-k`` have chosen the tests."""
    if has_fabric():
        deselect_devnet_twins(config, items)


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """Forget what a command line under test configured: its standard error is closed by then."""
    yield
    structlog.reset_defaults()
    LIBRARY.handlers = []
