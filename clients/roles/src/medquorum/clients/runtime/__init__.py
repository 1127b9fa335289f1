# SPDX-License-Identifier: Apache-2.0
"""What every role's process runs on: its loop, wake-ups, connection, options, reports, logs."""
