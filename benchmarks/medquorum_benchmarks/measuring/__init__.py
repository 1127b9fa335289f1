# SPDX-License-Identifier: Apache-2.0
"""What several benchmarks measure of a training run: the processes' use of the machine, a round's transactions."""
