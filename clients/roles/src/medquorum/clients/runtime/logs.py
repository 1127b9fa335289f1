# SPDX-License-Identifier: Apache-2.0
"""Structured logs: a process' own on standard error, a library's in the standard library's logger ``medquorum``.

What is said there never holds keys, salts or updates.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

__all__ = ["LIBRARY", "configure", "get_logger"]

LIBRARY = logging.getLogger("medquorum.gateway")
"""The gateway client logs by the standard library, as others use it too."""

_EMBEDDED = logging.getLogger("medquorum")
_EMBEDDED.addHandler(logging.NullHandler())


def get_logger() -> Any:
    """Return structlog's logger where somebody has configured it, as our processes do.

    In another's program it is the standard library's ``medquorum``, which says nothing unless that program lets it.
    """
    if structlog.is_configured():
        return structlog.get_logger()
    return structlog.wrap_logger(
        _EMBEDDED,
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
    )


def configure(*, as_json: bool, verbose: bool) -> None:
    """Send structlog's events and the gateway client's log to standard error, with time, role, msp, task and round."""
    level = logging.INFO if verbose else logging.WARNING
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=common, processor=renderer))
    LIBRARY.handlers = [handler]
    LIBRARY.setLevel(level)
