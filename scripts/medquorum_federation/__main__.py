# SPDX-License-Identifier: Apache-2.0
"""``scripts/quickstart``: options in, one training on one network, a report out."""

from __future__ import annotations

import itertools
import os
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from medquorum.clients.attacks.catalogue import ATTACKS
from medquorum.errors import ConfigError

from .checks import check_runs
from .command import run_command
from .network import check_folder, choose_network, running_network, trial_folder
from .options import MODELS, Options, first_message
from .processes.forking import zygote_unless
from .reporting.grid import console_grid
from .reporting.picture import plot
from .reporting.references import References, print_comparison, seconds_left
from .reporting.report import print_report
from .run import new_task_name, train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


# Options whose help is long.
_Data = Annotated[str, typer.Option(help="digits, mnist, a MedMNIST name, or an .npz file of that layout")]
_Least = Annotated[
    int | None, typer.Option(help="Least recall of any class under rule floor, in thousandths; 50, on digits 0")
]
_Verification = Annotated[
    str, typer.Option(help="plain, or encrypted: nobody sees an update or the verification images")
]
_Comparison = Annotated[
    str,
    typer.Option(help="Under encryption: tree, fss (fewer rounds, more bytes), or auto: as the links make faster"),
]
_Placement = Annotated[
    str, typer.Option(help="Under encryption: outsourced, or smv-semi-honest (each hospital is a party, trusted)")
]
_Aggregation = Annotated[
    str | None,
    typer.Option(help="shared: what encrypted tasks use; with plain verification verifiers sum in their chaincode"),
]
_Aggregators = Annotated[
    int | None, typer.Option(help="Under encryption, nodes that open the sum: the two parties (2), then hospitals")
]
_NoFork = Annotated[
    bool, typer.Option("--no-fork", help="Start each role and chaincode as a new process, not forked: slower")
]
_Dashboard = Annotated[
    bool, typer.Option("--dashboard", help="Show the run in the browser, as its first hospital sees it")
]


@app.command()
def quickstart(
    data: _Data = "digits",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST's idx files or of .npz files")] = None,
    hospitals: Annotated[int, typer.Option(help="Number of hospitals")] = 10,
    adversaries: Annotated[int, typer.Option(help="How many of them attack in each round")] = 3,
    adversary_set: Annotated[str, typer.Option(help="changing (drawn anew each round) or fixed")] = "changing",
    attack: Annotated[str, typer.Option(help=", ".join(ATTACKS))] = "static-label",
    rounds: Annotated[int, typer.Option(help="Rounds of training")] = 10,
    epochs: Annotated[int | None, typer.Option(help="Passes over the own images in a round; 1, of digits 10")] = None,
    batch: Annotated[int | None, typer.Option(help="Images in a training batch; 32, of digits 16")] = None,
    model: Annotated[str, typer.Option(help=", ".join(MODELS))] = "mlp",
    mix: Annotated[str, typer.Option("--lambda", help="λ of p = λw + (1-λ)r: A/2^k, such as 0.5")] = "0.5",
    rule: Annotated[str, typer.Option(help="strict ([VU]), slack, floor, threshold, prefix or direction")] = "floor",
    slack: Annotated[int, typer.Option(help="Slack of slack, floor and prefix, in thousandths of the set")] = 5,
    floor: Annotated[int, typer.Option(help="Per-class floor of rule floor, in thousandths")] = 150,
    floor_on: Annotated[str | None, typer.Option(help="Hold p or r against the floor; r, on digits p")] = None,
    least: _Least = None,
    threshold: Annotated[int, typer.Option(help="Threshold of rule threshold, in thousandths")] = 500,
    verification: _Verification = "plain",
    disclosure: Annotated[str, typer.Option(help="What a verdict tells: count, or bit (accepted or not)")] = "count",
    comparison: _Comparison = "auto",
    placement: _Placement = "outsourced",
    aggregation: _Aggregation = None,
    aggregators: _Aggregators = None,
    dirichlet: Annotated[float | None, typer.Option(help="Deal unlike data by Dir(alpha); by default evenly")] = None,
    verification_images: Annotated[int | None, typer.Option(help="Private images; half of the held-out ones")] = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many training images")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="The most a data file may hold, unpacked")] = None,
    seed: Annotated[int, typer.Option(help="Seed of data, adversaries and training")] = 0,
    network: Annotated[str | None, typer.Option(help="fabric or devnet; by default fabric when found")] = None,
    undefended: Annotated[bool, typer.Option("--undefended", help="Accept every update, for comparison")] = False,
    no_fork: _NoFork = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the network up; a later run uses it")] = False,
    dashboard: _Dashboard = False,
    directory: Annotated[Path, typer.Option("--dir", help="The network's folder")] = Path("medquorum-network"),
    results: Annotated[Path, typer.Option(help="Folder for reports, plots and logs")] = Path("results"),
    port_base: Annotated[int | None, typer.Option(help="First port of the network")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as one JSON object")] = None,
) -> None:
    """Bring a network up, train on it with adversaries among the hospitals, report, take it down."""
    given = dict(locals())
    given.pop("json_file")
    try:
        options = Options.model_validate(given | {"mix": _fraction(mix)})
        _ = options.rule_document
    except ValueError as error:
        raise ConfigError(first_message(error), "See --help for the options") from error
    _train(options, json_file)


def _train(options: Options, json_file: Path | None) -> None:
    started = time.monotonic()
    console = Console()
    kind = choose_network(options.network, console)
    _check_written(options.directory, options.results, *([json_file.parent] if json_file else []))
    with ExitStack() as held:
        directory = held.enter_context(trial_folder(options.directory.resolve()))
        consortium = check_folder(directory, kind, options.hospitals, options.port_base)
        check_runs([options], kind, directory, consortium)
        zygote = held.enter_context(zygote_unless(options.no_fork))  # imports while the network comes up
        with ExitStack() as running:
            network = running.enter_context(
                running_network(
                    directory,
                    kind,
                    options.hospitals,
                    port_base=options.port_base,
                    keep=options.keep,
                    fork=not options.no_fork,
                )
            )
            network_up = time.monotonic() - started
            task = new_task_name(network, options, zygote)
            folder = _new_folder(options.results.resolve(), f"{task}-{time.strftime('%Y%m%d-%H%M%S')}")
            references = held.enter_context(References(options, task, folder, zygote))
            report = train(options, network, task, folder, console, zygote)
            ended = time.monotonic()
        # They went on while the network was brought down.
        report.references = references.curves(seconds_left(started, ended, time.monotonic()))
    report.seconds.install = float(os.environ.get("INSTALL_SECONDS", "0"))
    report.seconds.network_up = network_up
    report.seconds.total = time.monotonic() - started + report.seconds.install
    print_report(report, console)
    console.print(console_grid(report))
    print_comparison(report, references.names, console)
    plot(report, folder / "accuracy.png")
    report.write(folder / "report.json")
    if json_file:
        report.write(json_file)
    _say_where_next(console, folder, directory, options.keep)


def _new_folder(results: Path, name: str) -> Path:
    """Make a folder that no run beside this one has made in the same second."""
    for number in itertools.count(1):
        folder = results / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    return folder


def _say_where_next(console: Console, folder: Path, directory: Path, kept: bool) -> None:
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    console.print(f"Plot: {shown}/accuracy.png   report: {shown}/report.json   logs: {shown}/logs/", soft_wrap=True)
    if kept:
        console.print(
            f"The network is up in {directory}. Look: scripts/network.sh status; end it: scripts/network.sh down"
        )
    else:
        console.print(
            "Next: scripts/quickstart --keep leaves the network up; docs/tutorial/first-round.md shows what to look at."
        )


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"lambda {text} is no number: write 0.5 or 3/8") from error


def _check_written(*folders: Path) -> None:
    """Check that files can be made in folders, which need not exist yet."""
    for folder in folders:
        whole = folder.resolve()
        place = next(each for each in (whole, *whole.parents) if each.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK) or not os.statvfs(place).f_blocks:
            raise ConfigError(
                f"no file can be written into {folder}: {place} takes none", "Give a folder of yours instead"
            )


if __name__ == "__main__":
    run_command(app, "scripts/quickstart")
