# SPDX-License-Identifier: Apache-2.0
"""What each page shows, as plain values: read from the index, without a word of HTML."""
