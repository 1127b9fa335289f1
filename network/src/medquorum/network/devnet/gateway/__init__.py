# SPDX-License-Identifier: Apache-2.0
"""The gateway service of an organisation's peer: plans, evaluation, endorsement, events."""
