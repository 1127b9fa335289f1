# SPDX-License-Identifier: Apache-2.0
"""What every command line of the project does first."""

from __future__ import annotations

import os
import resource

__all__ = ["prepare_process"]


def prepare_process() -> None:
    """Close to others what this process and its children write, and let them open as many files as the host allows.

    A service has two files open for each connection; the limit that most hosts begin with is 1,024.
    """
    os.umask(0o077)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
