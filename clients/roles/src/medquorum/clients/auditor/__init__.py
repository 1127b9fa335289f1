# SPDX-License-Identifier: Apache-2.0
"""What an auditor looks up and recomputes: histories, rounds, scores, blocks and signatures."""
