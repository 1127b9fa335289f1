# SPDX-License-Identifier: Apache-2.0
"""From a model description to the program and plan of its encrypted evaluation."""
