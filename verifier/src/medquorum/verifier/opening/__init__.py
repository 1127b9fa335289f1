# SPDX-License-Identifier: Apache-2.0
"""A party's openings: what it exchanges with the other party, in which order, and the transcript."""
