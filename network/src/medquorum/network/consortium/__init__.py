# SPDX-License-Identifier: Apache-2.0
"""The consortium file: who takes part, in which role, under which policies, and where everything lies."""
