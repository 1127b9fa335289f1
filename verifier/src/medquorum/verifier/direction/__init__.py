# SPDX-License-Identifier: Apache-2.0
"""The rule ``direction`` on hidden updates: levels, losses of hidden models, and the choice among them."""
