# SPDX-License-Identifier: Apache-2.0
"""Read the JSON vectors."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "vectors"


def load_vector(name):
    return json.loads((FOLDER / f"{name}.json").read_text())
