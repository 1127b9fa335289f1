# SPDX-License-Identifier: Apache-2.0
"""Runs the devnet of a network folder until SIGTERM or SIGINT: ``python -m medquorum.network.devnet --dir DIR``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from medquorum.core.startup import prepare_process
from medquorum.errors import MedquorumError
from medquorum.network.devnet.process import Devnet


async def serve(folder: Path) -> None:
    """Run until a signal."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    devnet = Devnet(folder)
    try:
        await devnet.start()
        await devnet.run(stopping)
    finally:
        await devnet.stop()


def main(
    folder: Annotated[Path, typer.Option("--dir", help="The network folder")] = Path("medquorum-network"),
) -> None:
    """Run the devnet: for development and tests, no production ledger."""
    prepare_process()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        asyncio.run(serve(folder))
    except MedquorumError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    typer.run(main)
