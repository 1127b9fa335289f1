# SPDX-License-Identifier: Apache-2.0
"""``build SOURCE METADATA OUTPUT``: fill this peer's own address and TLS texts into ``connection.json``."""

import json
import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    """Write the filled-in connection, readable by the peer only (it holds a key); keep the package's indexes."""
    source, metadata, output = (Path(argument) for argument in sys.argv[1:4])
    label = json.loads((metadata / "metadata.json").read_text())["label"]
    targets = json.loads(Path(os.environ["MEDQUORUM_CHAINCODE_TARGETS"]).read_text())
    if label not in targets:
        print(f"no address known for chaincode {label}: run `medquorum-network deployCC` here", file=sys.stderr)
        return 1
    target = targets[label]
    values = {"address": target["address"]}
    values |= {name: Path(path).read_text() for name, path in target.items() if name != "address"}
    connection = json.loads((source / "connection.json").read_text())
    for field, text in connection.items():
        if isinstance(text, str):
            connection[field] = _fill(text, values)
    file = os.open(output / "connection.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w") as written:
        json.dump(connection, written)
    if (source / "META-INF").is_dir():
        shutil.copytree(source / "META-INF", output / "META-INF")
    return 0


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{{." + name + "}}", value)
    return text


if __name__ == "__main__":
    sys.exit(main())
