# SPDX-License-Identifier: Apache-2.0
"""What an administrator does by hand: consortium, data-set commitment, tasks, rounds."""
