# SPDX-License-Identifier: Apache-2.0
"""``python -m clients`` is ``medquorum``."""

from medquorum.clients.cli import main

main()
