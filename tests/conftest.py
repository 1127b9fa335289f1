# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test."""

from collections.abc import Iterator

import pytest
import structlog
from networks import networks

__all__ = ["networks"]


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """Forget what a command line under test configured: its standard error is closed by then."""
    yield
    structlog.reset_defaults()
