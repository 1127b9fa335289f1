# SPDX-License-Identifier: Apache-2.0
"""Running networks for tests, and the devnet without its servers."""
