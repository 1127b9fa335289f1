# SPDX-License-Identifier: Apache-2.0
"""Parsers run on bent inputs: ``python -m medquorum_testing.fuzzing``."""
