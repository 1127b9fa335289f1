# SPDX-License-Identifier: Apache-2.0
"""Kills and hang-ups of either party at any message of a verification: how many results an update reveals."""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console

from medquorum_testing.encrypted.kills import KILLS, trials


def main() -> None:
    """Kill so often, print the table; exit code 1 where an update revealed another number of results than one."""
    parser = argparse.ArgumentParser(prog="scripts/bench kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="of either party, five an update")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    results: Counter[int] = Counter()
    attempts: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seen in trials(Path(folder), max(1, options.kills // KILLS), options.seed):
            first, second = seen.ended
            results[seen.results if first == second else 0] += 1
            attempts[seen.attempts] += 1
            print(f"{KILLS * results.total()} kills: results revealed {dict(results)}", file=sys.stderr, flush=True)
    counts = {
        "kills": KILLS * results.total(),
        "updates": results.total(),
        "results": dict(sorted(results.items())),
        "attempts": dict(sorted(attempts.items())),
    }
    Console().print(
        f"{counts['kills']} kills in {counts['updates']} verifications; results revealed: {counts['results']}; "
        f"attempts: {counts['attempts']}"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(counts, indent=2) + "\n")
    if set(results) != {1}:
        sys.exit(1)


if __name__ == "__main__":
    main()
