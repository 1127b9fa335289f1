# SPDX-License-Identifier: Apache-2.0
"""Compiled inner loops of the encrypted engine, in C, with the numpy and torch code they replace as fallback.

`compile` builds one library for each set of processor instructions when the package is installed, `library` chooses
one at run time. Each kernel computes what the module that calls it computes without it, bit for bit. None branches on
secrets or looks anything up at a place that depends on them: tables are indexed by opened values only.
"""
