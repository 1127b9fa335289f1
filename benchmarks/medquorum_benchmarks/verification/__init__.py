# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of verification: evaluation of a model in plain and encrypted, and who does it."""
