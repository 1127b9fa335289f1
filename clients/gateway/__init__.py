# SPDX-License-Identifier: Apache-2.0
"""Fabric gateway client for Python, in the shape of the official ones."""
