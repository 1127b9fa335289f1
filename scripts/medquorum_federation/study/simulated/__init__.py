# SPDX-License-Identifier: Apache-2.0
"""A cell in one process: its hospitals and attackers, what decides its rounds, and what is measured."""
