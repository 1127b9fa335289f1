# SPDX-License-Identifier: Apache-2.0
"""Structured logs on standard error; what is said there never holds keys, salts or updates."""

from __future__ import annotations

import logging
import sys

import structlog

__all__ = ["configure"]


def configure(*, as_json: bool, verbose: bool) -> None:
    """Send structlog's events to standard error, with time and the bound role, msp, task and round."""
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
