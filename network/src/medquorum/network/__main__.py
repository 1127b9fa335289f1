# SPDX-License-Identifier: Apache-2.0
"""``python -m medquorum.network``."""

import sys

from medquorum.network.cli.main import main

sys.exit(main())
