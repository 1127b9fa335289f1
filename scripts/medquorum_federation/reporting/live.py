# SPDX-License-Identifier: Apache-2.0
"""What a run shows while it goes: one line per round, which on a terminal grows as updates and verdicts come in."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

__all__ = ["LiveView"]


class LiveView:
    """A table that grows on a terminal; elsewhere a plain line for each round that ended. Use as a context manager."""

    def __init__(self, console: Console, hospitals: int, rounds: int, adversaries: dict[int, frozenset[int]]) -> None:
        self._console = console
        self._hospitals = hospitals
        self._rounds = rounds
        self._adversaries = adversaries
        self._rows: dict[int, dict[str, Any]] = {}
        self._told_of: set[int] = set()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> LiveView:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def take(self, role: str, content: dict[str, Any]) -> None:
        """Show one line of one role."""
        number = int(content.get("round") or 0)
        if not number:
            return
        empty: dict[str, Any] = {"submitted": [], "state": "training", "accuracy": None, "refused": {}, "ended": False}
        row = self._rows.setdefault(number, empty)
        match content["event"]:
            case "submitted":
                row["submitted"].append(role.removeprefix("hospital"))
            case "submissions_closed":
                row["state"] = "verifying"
            case "verdicts_closed":
                row |= {"state": "aggregating", "accepted": content["accepted"], "refused": content["refused"]}
            case "round_closed" | "round_aborted":
                row |= {"state": content["reason"] or "closed", "accepted": content["accepted"], "ended": True}
                row |= {"refused": content["refused"], "counts": content.get("counts"), "images": content.get("images")}
            case "global_model" if content["accuracy"] is not None:
                row["accuracy"] = content["accuracy"]
            case _:
                return
        if self._live:
            self._live.update(self._table(), refresh=True)
        elif row["ended"] and row["accuracy"] is not None and number not in self._told_of:
            self._told_of.add(number)
            self._console.print(
                f"round {number}/{self._rounds}: {self._told(number, row)}", highlight=False, soft_wrap=True
            )

    def _told(self, round_number: int, row: dict[str, Any]) -> str:
        return (
            f"submitted {len(row['submitted'])}/{self._hospitals}, {row['state']}, accepted {len(row['accepted'])}, "
            f"refused {self._refusals(round_number, row)}, accuracy {row['accuracy']:.1%}"
        )

    def _table(self) -> Table:
        table = Table(caption="refused: who and why; [red]red[/red] attacked in that round")
        for heading in ("round", "submitted", "state", "accepted", "refused", "accuracy"):
            table.add_column(heading)
        for number, row in sorted(self._rows.items()):
            table.add_row(
                f"{number}/{self._rounds}",
                f"{len(row['submitted'])}/{self._hospitals}",
                row["state"],
                str(len(row["accepted"])) if "accepted" in row else "",
                self._refusals(number, row) if "accepted" in row else "",
                "" if row["accuracy"] is None else f"{row['accuracy']:.1%}",
            )
        return table

    def _refusals(self, round_number: int, row: dict[str, Any]) -> str:
        """Return how many were refused, and who for which reason."""
        for_reason: dict[str, list[str]] = {}
        for msp, reason in row["refused"].items():
            name = msp.removesuffix("MSP")
            place = name.removeprefix("Hospital")
            attacked = place.isdigit() and int(place) in self._adversaries[round_number]
            for_reason.setdefault(reason, []).append(f"[red]{name}[/red]" if attacked else name)
        told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in for_reason.items())
        return f"{len(row['refused'])} ({told})" if told else "0"
