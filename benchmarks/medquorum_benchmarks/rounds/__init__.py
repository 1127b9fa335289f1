# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of whole trainings: what rounds cost the ledger and the processes."""
