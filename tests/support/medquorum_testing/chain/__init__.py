# SPDX-License-Identifier: Apache-2.0
"""Block chains made and forged for tests."""
