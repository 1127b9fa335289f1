# SPDX-License-Identifier: Apache-2.0
"""What Go's runtime may take of a host."""

from medquorum.network.fabric.nodes import go_limits


def test_nodes_that_outnumber_the_processors_have_one_thread_each() -> None:
    assert go_limits(16, 2)["GOMAXPROCS"] == "1"
    assert "GOMAXPROCS" not in go_limits(2, 2)
    assert "GOMAXPROCS" not in go_limits(2, 8)
    assert go_limits(2, 8).keys() == {"GOMEMLIMIT"}
