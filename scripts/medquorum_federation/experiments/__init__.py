# SPDX-License-Identifier: Apache-2.0
"""Grids of trainings: the cells, how they are run, and their table."""
