# SPDX-License-Identifier: Apache-2.0
"""``medquorum``: every role's commands under one root."""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from medquorum import gateway
from medquorum.clients.admin.command import admin
from medquorum.clients.auditor.command import auditor
from medquorum.clients.coordinator.command import coordinator
from medquorum.clients.dashboard.command import dashboard
from medquorum.clients.data.command import data
from medquorum.clients.encrypted.commands.aggregator import aggregator
from medquorum.clients.encrypted.commands.party import dealer, witness
from medquorum.clients.hospital.command import adversary, hospital
from medquorum.clients.runtime.reconcile import left_behind
from medquorum.clients.verifier.command import verifier
from medquorum.core.startup import prepare_process
from medquorum.errors import ConfigError, MedquorumError, __version__

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Federated learning on Fabric, every update judged inside the chaincode.",
)
for name, commands in {
    "hospital": hospital,
    "adversary": adversary,
    "coordinator": coordinator,
    "admin": admin,
    "auditor": auditor,
    "data": data,
    "verifier": verifier,
    "witness": witness,
    "dealer": dealer,
    "aggregator": aggregator,
}.items():
    app.add_typer(commands, name=name)
app.command("dashboard")(dashboard)


GATEWAY_EXIT_CODES: dict[type[gateway.FabricError], int] = {
    gateway.ConfigError: 10,
    gateway.DataError: 11,
    gateway.GatewayError: 30,
    gateway.EndorseError: 31,
    gateway.SubmitError: 32,
    gateway.CommitStatusError: 33,
    gateway.CommitError: 34,
}
"""Exit codes of the gateway client's errors, which are not of Medquorum's tree (``medquorum.errors``)."""


EXTRAS = {
    "starlette": "medquorum[dashboard]",
    "uvicorn": "medquorum[dashboard]",
    "jinja2": "medquorum[dashboard]",
    "medquorum.verifier": "medquorum[party]",
    "torch": "medquorum[hospital]",
    "sklearn": "medquorum[datasets]",
    "medmnist": "medquorum[datasets]",
}
"""What to install where a command needs a module that ``medquorum`` alone does not bring."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"medquorum {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True)) -> None:
    """Federated learning on Fabric, every update judged inside the chaincode."""


def main() -> None:
    """Run the command line; an error is one line on standard error and the exit code of its class."""
    prepare_process()
    try:
        _run()
    except SystemExit as end:
        if left_behind() and isinstance(end.code, int | None):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code or 0)  # a thread in native code would crash an interpreter that ends
        raise


def _run() -> None:
    try:
        app()
    except (MedquorumError, gateway.FabricError) as error:
        _fail(error)
    except ModuleNotFoundError as error:
        missing = f"{error.name}."
        extra = next((extra for module, extra in EXTRAS.items() if missing.startswith(f"{module}.")), None)
        if extra is None:
            raise
        _fail(ConfigError(f"this command needs {error.name}, which is not installed", f"pip install '{extra}'"))


def _fail(error: MedquorumError | gateway.FabricError) -> NoReturn:
    code = error.exit_code if isinstance(error, MedquorumError) else GATEWAY_EXIT_CODES[type(error)]
    if "--json" in sys.argv:
        print(json.dumps({"event": "error", **error.as_dict(), "exit_code": code}), flush=True)
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]error:[/red] {escape(str(error))}")
    sys.exit(code)
