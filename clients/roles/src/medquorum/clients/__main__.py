# SPDX-License-Identifier: Apache-2.0
"""``python -m clients`` is ``medquorum``."""

from clients.cli import main

main()
