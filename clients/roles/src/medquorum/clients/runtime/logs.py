# SPDX-License-Identifier: Apache-2.0
"""Structured logs on standard error; what is said there never holds keys, salts or updates."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["LIBRARY", "configure"]

LIBRARY = logging.getLogger("medquorum.gateway")
"""The gateway client logs by the standard library, as others use it too."""


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
