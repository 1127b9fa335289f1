# SPDX-License-Identifier: Apache-2.0
"""Models for tests, and the evaluation a second time."""
