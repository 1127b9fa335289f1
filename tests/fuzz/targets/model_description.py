# SPDX-License-Identifier: Apache-2.0
"""A task's model description: canonical JSON, layers, shapes, layout."""

from medquorum.core import canonical
from medquorum.core import model as modelformat
from medquorum.core.model import catalogue

SEEDS = [
    canonical.encode(document)
    for document in (
        catalogue.mlp((1, 2, 2), 4, hidden=4),
        catalogue.lenet((1, 28, 28), 10),
        catalogue.resnet18((3, 28, 28), 9),
    )
]


def run(data: bytes) -> None:
    description = modelformat.parse(canonical.decode(data))
    modelformat.layout_hash(description)
    modelformat.resolve(description)
