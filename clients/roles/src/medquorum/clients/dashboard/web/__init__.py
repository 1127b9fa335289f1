# SPDX-License-Identifier: Apache-2.0
"""The pages themselves: who may see them, how they are written, and how they are kept current."""
