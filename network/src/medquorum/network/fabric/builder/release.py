# SPDX-License-Identifier: Apache-2.0
"""``release BUILT RELEASE``: hand the connection (and any indexes) to the peer."""

import shutil
import sys
from pathlib import Path


def main() -> int:
    """Copy what the build made to the places the peer looks at."""
    built, release = (Path(argument) for argument in sys.argv[1:3])
    server = release / "chaincode" / "server"
    server.mkdir(parents=True)
    shutil.copy(built / "connection.json", server / "connection.json")
    indexes = built / "META-INF" / "statedb"
    if indexes.is_dir():
        shutil.copytree(indexes, release / "statedb")
    return 0


if __name__ == "__main__":
    sys.exit(main())
