# SPDX-License-Identifier: Apache-2.0
"""Audit every round of a task: ``python audit.py network TASK ROUNDS``; exit code 40 where something is not proven.

Each round is checked first, its blocks, signatures and documents, with ``medquorum auditor verify``. Only then is told
what became of its updates.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

MEMBER = "hospital1"
"""Whose profile reads: any member of the channel may."""


def auditor(network: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return what a command of ``medquorum auditor`` prints; ends the program with its exit code where it fails."""
    organizations = network / "organizations" / "peerOrganizations"
    profile = organizations / f"{MEMBER}.example.com" / f"connection-{MEMBER}.json"
    place = ["--profile", str(profile), "--state-dir", str(network / "auditor"), "--json"]
    trusted = ["--organizations", str(organizations)] if arguments[0] == "verify" else []
    command = [sys.executable, "-m", "medquorum.clients", "auditor", *arguments, *place, *trusted]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return list(json.loads(done.stdout))


def main(network: Path, task: str, rounds: int) -> None:
    """Check and tell round by round, then how often each hospital was refused."""
    refused: Counter[str] = Counter()
    for number in range(1, rounds + 1):
        chosen = ["--task", task, "--round", str(number)]
        proven = auditor(network, "verify", *chosen)
        endorsers = sorted({name for row in proven for name in row["endorsed_by"]})
        print(f"round {number}: {len(proven)} documents proven, endorsed by {', '.join(endorsers)}")
        for row in auditor(network, "round", *chosen):
            counts = row["counts"] or {}
            print(f"  {row['hospital']}: {row['outcome']} {row['reason'] or ''} {json.dumps(counts)}")
            refused[row["hospital"]] += row["outcome"] == "refused"
    print("refused:", ", ".join(f"{hospital} {times}" for hospital, times in sorted(refused.items())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
