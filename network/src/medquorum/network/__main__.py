# SPDX-License-Identifier: Apache-2.0
"""``python -m network``."""

import sys

from network.cli import main

sys.exit(main())
