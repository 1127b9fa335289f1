# SPDX-License-Identifier: Apache-2.0
"""npz files of images, as a hospital is given them."""

import io

import numpy as np

from medquorum.clients.data.images import read_shard
from medquorum_testing.fuzzing.runner import scratch_file

PATH = scratch_file("images.npz")


def made(write: object, **arrays: object) -> bytes:
    raw = io.BytesIO()
    write(raw, **arrays)
    return raw.getvalue()


PIXELS, LABELS = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4), np.array([0, 1, 2])
SEEDS = [
    made(np.savez, images=PIXELS, labels=LABELS),
    made(np.savez_compressed, images=PIXELS, labels=LABELS),
    made(np.savez, train_images=PIXELS, train_labels=LABELS.astype(np.uint8)[:, None]),
]


def run(data: bytes) -> None:
    PATH.write_bytes(data)
    read_shard(PATH)
