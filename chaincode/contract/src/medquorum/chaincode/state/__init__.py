# SPDX-License-Identifier: Apache-2.0
"""Stored documents that several transactions read and write: chunks, rounds, verdicts."""
