# SPDX-License-Identifier: Apache-2.0
"""``scripts/experiments rules``: attacks against rules and published defences, many trainings in one process."""
