# SPDX-License-Identifier: Apache-2.0
"""The dealer in a task: which plans it approves, the seeds of the masks, its word on them."""
