# SPDX-License-Identifier: Apache-2.0
"""``python -m medquorum.clients`` is ``medquorum``."""

from medquorum.clients.cli import main

main()
