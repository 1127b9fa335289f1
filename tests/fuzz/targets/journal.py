# SPDX-License-Identifier: Apache-2.0
"""A party's journal of a verification, on its own disk."""

import numpy as np

from medquorum.verifier.session.journal import Batch, Journal
from medquorum_testing.fuzzing.runner import scratch_file

PATH = scratch_file("a.journal")
JOURNAL = Journal(PATH)
JOURNAL.begin(1, 0, "tree")
JOURNAL.finish(Batch(1, np.array([3, -4]), "d" * 64))
JOURNAL.begin(2, 1, "fss")
JOURNAL.refused()
SEEDS = [PATH.read_bytes(), *PATH.read_bytes().splitlines(keepends=True)]


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    Journal(PATH)
