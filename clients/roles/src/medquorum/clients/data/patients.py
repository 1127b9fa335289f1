# SPDX-License-Identifier: Apache-2.0
"""Whose image each is, from a CSV file beside the images."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.npz import too_large
from medquorum.errors import DataError

__all__ = ["read_patients"]

MOST_BYTES = 4 << 30
LONGEST_NAME = 1_000


def read_patients(path: Path, column: str, max_bytes: int | None = None) -> npt.NDArray[np.str_]:
    """Return a column of a CSV file with a line of names: a patient for each image, in the images' order.

    Parameters
    ----------
    max_bytes
        The largest file that is read; by default 4 GiB.

    Raises
    ------
    DataError
        The file is missing, no CSV of UTF-8 text, has no such column, or a row without a patient.
    """
    most = MOST_BYTES if max_bytes is None else max_bytes
    try:
        if (size := path.stat().st_size) > most:
            raise too_large(path, size, most)
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            names = table.fieldnames or ()
            if column not in names:
                raise DataError(
                    f"{path} has no column {column!r}, only {', '.join(names) or 'an empty first line'}",
                    "Name the column of the patients with --patient-column",
                )
            patients = [row[column] or "" for row in table]
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", "Give a CSV file with a line of names") from error
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}", "Store it as UTF-8 text with commas") from error
    for row, patient in enumerate(patients, start=1):
        if not 0 < len(patient) <= LONGEST_NAME:
            raise DataError(f"{path}: row {row} has no patient in {column!r}", "Give each image its patient")
    return np.array(patients, dtype=np.str_)
