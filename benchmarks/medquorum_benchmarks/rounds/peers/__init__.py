# SPDX-License-Identifier: Apache-2.0
"""The same training in other projects, in interpreters of their own."""
