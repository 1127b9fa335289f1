# SPDX-License-Identifier: Apache-2.0
"""The dealer, before any update is seen: what it deals, for which plan, at what cost."""
