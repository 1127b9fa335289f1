# SPDX-License-Identifier: Apache-2.0
"""A study's results as tables, answers and a figure."""
