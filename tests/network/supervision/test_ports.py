# SPDX-License-Identifier: Apache-2.0
"""A taken port is named with its process; another organisation's own nodes are nobody's trouble."""

import os
import socket
from pathlib import Path

import pytest

from medquorum.errors import NetworkError
from medquorum.network.consortium.consortium import sample
from medquorum.network.consortium.paths import NetworkFolder
from medquorum.network.supervision.ports import check_ports
from medquorum_testing.network.ports import free_port_base


def test_a_taken_port_is_named_and_only_where_it_is_to_be_used(tmp_path: Path) -> None:
    consortium = sample("small", hospitals=1, port_base=free_port_base(300))
    one, other = consortium.members[:2]
    folder = NetworkFolder(tmp_path)
    check_ports(consortium, folder)
    assert one.peer
    with socket.create_server(("127.0.0.1", one.peer.port)):
        for organisation in (None, one.name):
            with pytest.raises(NetworkError, match=rf"port {one.peer.port} is in use by .*\(pid {os.getpid()}\)"):
                check_ports(consortium, folder, organisation=organisation)
        check_ports(consortium, folder, organisation=other.name)
        check_ports(consortium, folder, organisation=consortium.orderers[0].name)
