# SPDX-License-Identifier: Apache-2.0
"""A training run of the quickstart's kind on a network of its own, with what it cost."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from medquorum_benchmarks.rounds.blocks import RoundCost, round_costs
from medquorum_benchmarks.rounds.usage import Usage
from medquorum_federation.network import running_network
from medquorum_federation.options import Options
from medquorum_federation.processes.forking import RoleZygote
from medquorum_federation.reporting.report import Report
from medquorum_federation.run import train

__all__ = ["Measured", "measure"]

TASK = "bench"


@dataclass(frozen=True)
class Measured:
    """A run; processor seconds are a round's, of the rounds from the second on, memory the largest process'."""

    report: Report
    processor_seconds: dict[str, float]
    unique_mib: dict[str, float]
    costs: list[RoundCost]

    @property
    def later(self) -> list[float]:
        """Seconds of the rounds from the second on."""
        return [item.seconds for item in self.report.rounds[1:]]

    @property
    def median(self) -> float:
        """Return the median of them."""
        return statistics.median(self.later)

    @property
    def spread(self) -> str:
        """Smallest and largest of them, for a table."""
        return f"{min(self.later):.2f}-{max(self.later):.2f}"

    @property
    def on_the_ledger(self) -> str:
        """Transactions and blocks of a round, medians, for a table."""
        sums = [statistics.median(getattr(cost, name) for cost in self.costs) for name in ("transactions", "blocks")]
        return " / ".join(f"{number:g}" for number in sums)

    def as_dict(self) -> dict[str, Any]:
        """Return every figure as JSON can hold it."""
        return {
            "report": self.report.as_dict(),
            "median_s": self.median,
            "cpu_s_a_round": self.processor_seconds,
            "unique_mib": self.unique_mib,
            "rounds": [asdict(cost) for cost in self.costs],
        }


def measure(
    options: Options, kind: str, console: Console, *, port_base: int | None = None, batch_interval: int | None = None
) -> Measured:
    """Train in a network of its own, which is purged afterwards.

    Parameters
    ----------
    batch_interval
        Milliseconds until a block is cut; the sample's where it is not given.
    """
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home).resolve()
        network = running_network(
            folder / "network", kind, options.hospitals, port_base=port_base, batch_interval=batch_interval
        )
        with RoleZygote() as zygote, network as running:
            with Usage(running.directory) as usage:
                report = train(options, running, TASK, folder / "run", console, zygote)
            costs = round_costs(running.profile("verifiera"), TASK, options.rounds) if options.rounds > 1 else []
    later = sum(item.seconds for item in report.rounds[1:])
    used = usage.processor_seconds(later)
    each = {kind: round(seconds / max(len(report.rounds) - 1, 1), 3) for kind, seconds in used.items()}
    return Measured(report, each, usage.unique_mib(), costs)
