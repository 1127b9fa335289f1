# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from medquorum_testing.dashboard.browser import chromium

__all__ = ["chromium"]
