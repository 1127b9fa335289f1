# SPDX-License-Identifier: Apache-2.0
"""The Medquorum contract: consortium, tasks, rounds, updates, verdicts and models."""
