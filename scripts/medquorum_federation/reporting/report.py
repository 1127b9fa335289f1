# SPDX-License-Identifier: Apache-2.0
"""What a run ends with: one object and its tables."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["Report", "Round", "Seconds", "print_report"]


@dataclass(frozen=True)
class Round:
    """One finished round; ``accuracy`` in [0, 1] of the new global model on images no one trained or judged on.

    ``seconds`` are those of its states, open, verifying and aggregating; the slowest hospital's training is a part of
    the first, ``submission`` the rest of it.
    """

    number: int
    accuracy: float
    accepted: list[str]
    refused: dict[str, str]
    attackers: list[str]
    poisoned_accepted: int
    poisoned_refused: int
    honest_accepted: int
    honest_refused: int
    training: float
    submission: float
    verification: float
    aggregation: float
    reason: str

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.training + self.submission + self.verification + self.aggregation


@dataclass
class Seconds:
    """Wall-clock seconds per phase. ``training``, ``verification`` and ``ledger`` are parts of the rounds."""

    install: float = 0.0
    network_up: float = 0.0
    training: float = 0.0
    verification: float = 0.0
    ledger: float = 0.0
    total: float = 0.0


@dataclass
class Report:
    """The object ``--json`` writes."""

    network: str
    model: str
    data: str
    options: dict[str, Any]
    task: str = ""
    initial_accuracy: float = 0.0
    rounds: list[Round] = field(default_factory=list)
    seconds: Seconds = field(default_factory=Seconds)
    ledger_bytes: int = 0
    ledger_round_expected: int = 0
    ledger_round_expected_most: int = 0
    ledger_round_measured: int = 0
    model_hash: str = ""
    references: dict[str, list[float]] = field(default_factory=dict)
    """Accuracy by round of the same training without the rule or the attackers, as far as it was simulated."""

    @property
    def label(self) -> str:
        """What the run itself is, beside its references."""
        return "no rule" if self.options.get("undefended") else f"rule {self.options.get('rule', '')}".strip()

    def total(self, name: str) -> int:
        """Sum one of the rounds' counts."""
        return sum(getattr(item, name) for item in self.rounds)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, with the sums over the rounds."""
        sums = ("poisoned_accepted", "poisoned_refused", "honest_accepted", "honest_refused")
        final = self.rounds[-1].accuracy if self.rounds else self.initial_accuracy
        document = asdict(self)
        for item, given in zip(self.rounds, document["rounds"], strict=True):
            given["seconds"] = item.seconds
        return document | {name: self.total(name) for name in sums} | {"final_accuracy": final}

    def write(self, path: Path) -> None:
        """Write the object as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n")


def print_report(report: Report, console: Console) -> None:
    """Print the closing tables: per round, then per phase."""
    table = Table(title=f"{report.model} on {report.data}, network {report.network}")
    for heading in ("round", "accuracy", "poisoned accepted", "poisoned refused", "honest accepted", "honest refused"):
        table.add_column(heading, justify="right")
    table.add_column("seconds", justify="right")
    table.add_row("0", f"{report.initial_accuracy:.1%}", *[""] * 5)
    for item in report.rounds:
        counts = (item.poisoned_accepted, item.poisoned_refused, item.honest_accepted, item.honest_refused)
        note = f" ({item.reason})" if item.reason else ""
        table.add_row(
            f"{item.number}{note}", f"{item.accuracy:.1%}", *(str(count) for count in counts), f"{item.seconds:.1f}"
        )
    sums = ("poisoned_accepted", "poisoned_refused", "honest_accepted", "honest_refused")
    table.add_section()
    table.add_row("all", "", *(str(report.total(name)) for name in sums), "")
    console.print(table)
    phases = Table(title="Where the time went")
    phases.add_column("phase")
    phases.add_column("seconds", justify="right")
    for name, value in asdict(report.seconds).items():
        phases.add_row(name.replace("_", " "), f"{value:.1f}")
    phases.add_section()
    phases.add_row("ledger bytes (one peer)", f"{report.ledger_bytes:,}")
    expected, most = report.ledger_round_expected, report.ledger_round_expected_most
    told = f"{expected:,}" if most <= expected else f"{expected:,} to {most:,}"
    phases.add_row("of them a round, as told before", told)
    phases.add_row("of them a round, measured", f"{report.ledger_round_measured:,}")
    console.print(phases)
