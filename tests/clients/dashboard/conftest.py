# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from medquorum_testing.dashboard.served import Dashboard


@pytest.fixture
def dashboard(tmp_path: Path) -> Dashboard:
    """An empty index and its pages."""
    return Dashboard(tmp_path)


@pytest.fixture
def stranger(dashboard: Dashboard) -> Iterator[TestClient]:
    """A browser that has not opened the link."""
    with TestClient(dashboard.application(), base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        yield client


@pytest.fixture
def browser(dashboard: Dashboard, stranger: TestClient) -> TestClient:
    """A browser that has opened the link."""
    assert stranger.get(f"/?token={dashboard.keys.token}").status_code == 303
    return stranger
