# SPDX-License-Identifier: Apache-2.0
"""Dividing images so that no patient has some in two parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medquorum.clients.data.images import Images
from medquorum.errors import DataError

__all__ = ["cut", "members", "usual_labels"]

Indices = npt.NDArray[np.int64]


def members(images: Images) -> list[Indices]:
    """Return the indices of each patient's images, patients in the order of their first image."""
    if images.groups is None:
        return [np.array([index]) for index in range(len(images))]
    _, first, patient = np.unique(images.groups, return_index=True, return_inverse=True)
    return [np.flatnonzero(patient == number) for number in np.argsort(first)]


def usual_labels(images: Images, patients: list[Indices]) -> npt.NDArray[np.int64]:
    """Return the label that each patient has most often, int64 (patients,)."""
    return np.array([np.bincount(images.labels[own]).argmax() for own in patients], dtype=np.int64)


def cut(images: Images, order: Indices, size: int) -> tuple[Indices, Indices]:
    """Divide images in this order after ``size`` of them, or where the patient ends who has that one.

    Patients come in the order of their first images.

    Raises
    ------
    DataError
        All images are of one patient.
    """
    if images.groups is None:
        return order[:size], order[size:]
    _, patient = np.unique(images.groups, return_inverse=True)
    counts = np.bincount(patient)
    if len(counts) == 1:
        raise DataError("the images of one patient cannot be divided", "Give images of more patients")
    _, first = np.unique(patient[order], return_index=True)
    patients = patient[order][np.sort(first)]
    taken = int(np.searchsorted(np.cumsum(counts[patients]), size)) + 1
    chosen = np.isin(patient[order], patients[: min(taken, len(patients) - 1)])
    return order[chosen], order[~chosen]
