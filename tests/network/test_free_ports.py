# SPDX-License-Identifier: Apache-2.0
"""What two callers were given never meets, though neither listens yet."""

import socket

import pytest

from medquorum_testing.network.ports import Ports


@pytest.mark.parametrize("count", [1, 100, 130, 300])
def test_no_port_is_given_twice_before_all_others_were(count: int) -> None:
    ports = Ports()
    room = -(-count // 100) * 100
    given = [ports.take(count) for _ in range((ports.highest - ports.lowest) // (2 * room))]
    assert all(abs(one - other) >= room for place, one in enumerate(given) for other in given[:place])


def test_a_range_with_a_taken_port_is_passed_over() -> None:
    ports = Ports()
    base = ports.upcoming = Ports().take(400)
    with socket.create_server(("127.0.0.1", base + 150)):
        assert ports.take(200) == base + 200


def test_a_full_stretch_is_told() -> None:
    base = Ports().take(100)
    ports = Ports(base, base + 100)
    with socket.create_server(("127.0.0.1", base + 50)), pytest.raises(RuntimeError, match="no 100 ports in a row"):
        ports.take(100)
