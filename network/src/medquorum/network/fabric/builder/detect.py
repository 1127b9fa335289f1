# SPDX-License-Identifier: Apache-2.0
"""``detect SOURCE METADATA``: exit 0 when the package is chaincode-as-a-service."""

import json
import sys
from pathlib import Path


def main() -> int:
    """Read the package's type."""
    metadata = json.loads(Path(sys.argv[2], "metadata.json").read_text())
    return 0 if str(metadata.get("type", "")).lower() == "ccaas" else 1


if __name__ == "__main__":
    sys.exit(main())
