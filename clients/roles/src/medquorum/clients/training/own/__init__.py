# SPDX-License-Identifier: Apache-2.0
"""A hospital's own training function: what it is given, where it runs, and how its result becomes an update."""
