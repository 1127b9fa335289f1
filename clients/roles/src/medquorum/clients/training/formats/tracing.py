# SPDX-License-Identifier: Apache-2.0
"""torch.export, one thread at a time: two at once disturb each other."""

from __future__ import annotations

import threading

__all__ = ["TRACING"]

TRACING = threading.Lock()
