# SPDX-License-Identifier: Apache-2.0
"""``medquorum-network``: bring a network up, deploy chaincode, look at it, take it down."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from medquorum.core.startup import prepare_process
from medquorum.errors import ConfigError, MedquorumError, __version__
from medquorum.network.cli import (
    chaincode as chaincode_cli,
)
from medquorum.network.cli import (
    channel as channel_cli,
)
from medquorum.network.cli import (
    doctor,
)
from medquorum.network.cli import (
    hospital as hospital_cli,
)
from medquorum.network.cli import (
    organisation as organisation_cli,
)
from medquorum.network.cli.options import AsJson, Channel, Folder, Quiet
from medquorum.network.cli.status import status as look
from medquorum.network.consortium.consortium import sample, write
from medquorum.network.network import Kind, Network, open_network
from medquorum.network.supervision.progress import Progress

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Bring a network up, deploy chaincode, look at it, take it down.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("deployCC")(chaincode_cli.deploy)
app.add_typer(chaincode_cli.app, name="cc")
app.add_typer(channel_cli.app, name="channel")
app.add_typer(hospital_cli.app, name="hospital")
app.add_typer(organisation_cli.app, name="org")


@app.command()
def init(
    folder: Folder,
    sample_name: Annotated[str, typer.Option("--sample", help="quickstart or small")] = "quickstart",
    hospitals: Annotated[int | None, typer.Option(min=0, help="How many hospitals")] = None,
    orderers: Annotated[int | None, typer.Option(min=1, help="How many orderer organisations")] = None,
    port_base: Annotated[int | None, typer.Option(help="First port")] = None,
    consensus: Annotated[str | None, typer.Option(help="BFT or raft")] = None,
    batch_interval: Annotated[int | None, typer.Option(help="Milliseconds until a block is cut")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder's consortium.toml")] = False,
) -> None:
    """Write a consortium file from a sample."""
    path = folder.resolve() / "consortium.toml"
    if path.exists() and not force:
        raise ConfigError(f"{path} exists", "Edit it, or give --force")
    made = sample(
        sample_name,
        hospitals=hospitals,
        port_base=port_base,
        consensus=consensus,
        orderers=orderers,
        batch_interval_ms=batch_interval,
    )
    write(made, path)
    print(path)


@app.command()
def up(
    folder: Folder,
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when it is found")] = None,
    org: Annotated[str | None, typer.Option(help="Only this organisation's nodes (one host each)")] = None,
    channel: Channel = None,
    no_fork: Annotated[
        bool, typer.Option("--no-fork", help="Start each chaincode as a new process, also where all are in one place")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Start what does not run yet and join it to the channel; without a consortium file, the quickstart's."""
    if not (folder / "consortium.toml").exists():
        write(sample("quickstart"), folder / "consortium.toml")
    opened = _open(folder, channel, quiet or as_json)
    kind = opened.up(_kind(network), org, fork=not no_fork)
    _print(as_json, {"network": kind, "folder": str(opened.folder.root), "seconds": opened.progress.seconds},
         f"{kind} is up in {opened.folder.root}")  # fmt: skip


@app.command()
def down(
    folder: Folder,
    purge: Annotated[bool, typer.Option("--purge", help="Delete ledgers, keys and logs too")] = False,
    as_json: AsJson = False,
) -> None:
    """End every process of this network; data are kept unless --purge."""
    ended = _open(folder).down(purge=purge)
    _print(as_json, {"ended": ended, "purged": purge}, f"{ended} processes ended{', data deleted' if purge else ''}")


@app.command()
def restart(folder: Folder, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """End every process and bring all up again."""
    opened = _open(folder, None, quiet or as_json)
    kind = opened.restart()
    _print(as_json, {"network": kind, "seconds": opened.progress.seconds}, f"{kind} is up again")


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show every process: state, restarts, memory, address."""
    state = look(_open(folder))
    if as_json:
        print(json.dumps(state, indent=1))
        return
    print(f"{'process':42} {'state':9} {'pid':>8} {'restarts':>8} {'up s':>9} {'MB':>7}  address")
    for row in state["processes"]:
        numbers = f"{row['pid'] or '':>8} {row['restarts']:>8} {row['seconds']:>9} {row['memory_mb']:>7}"
        print(f"{row['name']:42} {row['state']:9} {numbers}  {row['address']}")
    if any(row["state"] == "full" for row in state["processes"]):
        print(f"the disk of {state['folder']} is full: make space, and what was ended for it goes on")
    deployed = ", ".join(f"{c['name']} {c['version']} (sequence {c['sequence']})" for c in state["chaincodes"])
    print(f"{state['network'] or 'never up'}, channel {state['channel']}, chaincode {deployed or 'none'}")
    if not state["supervisors"]:
        print("no supervisor runs: nothing is restarted; `up` starts one")


@app.command()
def logs(
    folder: Folder,
    node: Annotated[str | None, typer.Argument(help="A process' name, as in status")] = None,
    lines: Annotated[int, typer.Option("-n", min=1, help="How many of the last lines")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is written, until Ctrl-C")] = False,
) -> None:
    """Show the end of a process' log, or list the logs."""
    opened = _open(folder)
    known = sorted((opened.folder.root / "logs").glob("*.log"))
    if node is None:
        for path in known:
            print(f"{path.stat().st_size:>10}  {path}")
        return
    path = opened.folder.log(node)
    if path not in known:
        raise ConfigError(f"no log of {node!r}", f"Logs: {', '.join(path.stem for path in known)}")
    if follow:
        os.execlp("tail", "tail", "-n", str(lines), "-F", str(path))  # noqa: S606  no shell: a list of words
    print("\n".join(path.read_text(errors="replace").splitlines()[-lines:]))


@app.command("createChannel")
def create_channel(folder: Folder, channel: Channel = None, quiet: Quiet = False) -> None:
    """Make a channel and join every orderer and peer to it."""
    _open(folder, channel, quiet).create_channel()


@app.command("stop")
def stop(folder: Folder, name: Annotated[str, typer.Argument(help="A process, or an organisation")]) -> None:
    """Stop one process, or all of an organisation's, until `start`."""
    print("\n".join(_open(folder).switch(name, False)))


@app.command("start")
def start(folder: Folder, name: Annotated[str, typer.Argument(help="A process, or an organisation")]) -> None:
    """Start again what `stop` stopped."""
    print("\n".join(_open(folder).switch(name, True)))


@app.command("doctor")
def examine(folder: Folder, as_json: AsJson = False) -> None:
    """Check binaries, ports, certificates, builder, limits, clock, disk and memory."""
    findings = doctor.examine(folder.resolve())
    if as_json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        console = Console(highlight=False)
        for finding in findings:
            console.print(finding.line, soft_wrap=True, markup=False)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


class Interrupted(MedquorumError):
    """Ctrl-C or SIGTERM."""

    exit_code = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; errors are one line (or JSON with ``--json``) and the exit code of ``medquorum.errors``."""
    prepare_process()
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--version"]:
        print(__version__)
        return 0
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        app(given, prog_name="medquorum-network")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except MedquorumError as error:
        if "--json" in given:
            print(json.dumps(error.as_dict()))
        else:
            Console(stderr=True, highlight=False).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return error.exit_code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    remedy = "The same command goes on from here, `medquorum-network down` ends what runs"
    raise Interrupted("interrupted", remedy)


def _open(folder: Path, channel: str | None = None, quiet: bool = False) -> Network:
    return open_network(folder, Progress(quiet=quiet), channel)


def _kind(word: str | None) -> Kind | None:
    kind: Kind | None = next((kind for kind in get_args(Kind) if kind == word), None)
    if kind is not None or word is None:
        return kind
    raise ConfigError(f"no network of kind {word!r}", "Give --network fabric or --network devnet")


def _print(as_json: bool, document: dict[str, Any], text: str) -> None:
    print(json.dumps(document) if as_json else text)


if __name__ == "__main__":
    sys.exit(main())
