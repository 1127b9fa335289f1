# SPDX-License-Identifier: Apache-2.0
"""Who gets a line: the organisation it was offered to, with its own certificate and the ticket, once and in time."""

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from medquorum.errors import ConfigError, NetworkError, ProtocolError
from medquorum.network.supervision.waiting import await_true
from medquorum.verifier.service.line import listener as listening
from medquorum.verifier.service.line import offer as offering
from medquorum.verifier.service.line.line import Line
from medquorum.verifier.service.line.listener import Lines
from medquorum.verifier.service.line.offer import LineOffer, dial
from medquorum_testing.encrypted.service_identities import credentials

KNOWN = ("P0MSP", "P1MSP", "OtherMSP")
P0, P1, OTHER = (credentials(name, KNOWN) for name in KNOWN)
STRANGER = credentials("StrangerMSP", KNOWN)
ADDRESS = "127.0.0.1:0"


@pytest.fixture
def lines():
    with Lines(P0, ADDRESS) as found:
        yield found


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    """Close every line in the end."""
    made = []
    monkeypatch.setattr(listening, "Line", lambda connection: made.append(Line(connection)) or made[-1])
    monkeypatch.setattr(offering, "Line", listening.Line)
    yield
    for line in made:
        line.finish(0)


def opened(offer, own=P1, peer="P0MSP", address=ADDRESS):
    return dial(own, address, peer, offer, 5)


def assert_refused(line):
    with pytest.raises(ConnectionError):
        line.read(5)


def test_an_offered_line_carries_messages_both_ways(lines):
    with lines.expect("P1MSP") as expected:
        second = opened(expected.offer)
        first = expected.line(5)
    second.write(b"one ", b"message")
    first.write(b"")
    assert bytes(first.read(5)) == b"one message"
    assert bytes(second.read(5)) == b""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(second.finish, 5)
        assert first.finish(5)
        assert other.result()


def test_a_ticket_serves_once_and_one_organisation_only(lines):
    with lines.expect("P1MSP") as expected:
        assert_refused(opened(expected.offer, OTHER))
        assert_refused(opened(LineOffer(port=lines.port, ticket="0" * 64)))
        second = opened(expected.offer)
        assert expected.line(5) is not None
        assert_refused(opened(expected.offer))
    second.hang_up()


def test_a_ticket_ends_with_the_waiting(lines):
    with lines.expect("P1MSP") as expected:
        assert expected.line(0.01) is None
    assert_refused(opened(expected.offer))


def test_a_line_that_nobody_took_is_hung_up(lines):
    with lines.expect("P1MSP") as expected:
        second = opened(expected.offer)
        await_true(expected._line.done, 5, "the line does not come")
    assert_refused(second)


def test_the_certificate_of_no_member_is_refused(lines):
    with lines.expect("StrangerMSP") as expected, pytest.raises((ProtocolError, ConnectionError)):
        opened(expected.offer, STRANGER).read(5)


def test_a_line_without_a_certificate_is_refused(lines):
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(cadata=b"\n".join(P1.authorities["P0MSP"]).decode())
    with lines.expect("P1MSP") as expected, socket.create_connection(("127.0.0.1", lines.port)) as plain:
        with (
            bare.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
            suppress(OSError),  # it ends, however it comes
        ):
            secure.settimeout(5)
            secure.sendall(bytes.fromhex(expected.offer.ticket))
            while secure.recv(1):
                pass
        assert expected.line(0.1) is None


def test_an_older_tls_is_refused(lines):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=b"\n".join(P1.authorities["P0MSP"]).decode())
    with socket.create_connection(("127.0.0.1", lines.port)) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_who_dials_looks_whom_it_speaks_to(lines):
    with lines.expect("P1MSP") as expected:
        with pytest.raises(ProtocolError, match="does not show a certificate of OtherMSP"):
            opened(expected.offer, peer="OtherMSP")
        with pytest.raises(ConfigError, match="no TLS authority of NobodyMSP"):
            opened(expected.offer, peer="NobodyMSP")
    elsewhere = credentials("P0MSP", KNOWN, hosts=["elsewhere.example.com"])
    with (
        Lines(elsewhere, ADDRESS) as other,
        other.expect("P1MSP") as expected,
        pytest.raises(ProtocolError, match="does not show a certificate of P0MSP for that address"),
    ):
        opened(expected.offer)


def test_a_closed_port_is_named_with_its_remedy(lines):
    with lines.expect("P1MSP") as expected:
        pass
    lines.__exit__(None, None, None)
    with pytest.raises(ProtocolError, match=rf"P0MSP at 127.0.0.1:{lines.port} cannot be opened.*--line-port"):
        opened(expected.offer)


def test_a_taken_port_is_named_with_its_remedy(lines):
    with (
        pytest.raises(NetworkError, match=rf"port {lines.port} of 127.0.0.1.*--line-port"),
        Lines(P0, ADDRESS, lines.port),
    ):
        pass


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this host has no IPv6")
def test_every_address_means_both_families():
    with Lines(P0, "[::]:0") as lines, lines.expect("P1MSP") as expected:
        opened(expected.offer).write(b"over IPv4")
        assert bytes(expected.line(5).read(5)) == b"over IPv4"


def test_a_host_that_is_none_is_named():
    with pytest.raises(NetworkError, match=r"port 0 of no-such-host\.invalid"):
        Lines(P0, "no-such-host.invalid:0").__enter__()


def test_silent_connections_end_and_hold_up_nobody(lines, monkeypatch):
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.5)
    silent = [socket.create_connection(("127.0.0.1", lines.port)) for _ in range(listening._WAITING + 5)]
    begin = time.monotonic()
    for one in silent:
        one.settimeout(10)
        assert one.recv(1) == b""
        one.close()
    assert time.monotonic() - begin < 9
    await_true(lambda: not any(thread.name == "line" for thread in threading.enumerate()), 5, "threads stay")
    with lines.expect("P1MSP") as expected:
        opened(expected.offer).write(b"still served")
        assert bytes(expected.line(5).read(5)) == b"still served"


def test_silent_strangers_keep_no_member_out(lines):
    silent = [socket.create_connection(("127.0.0.1", lines.port)) for _ in range(listening._WAITING + 5)]
    with lines.expect("P1MSP") as expected:
        opened(expected.offer).write(b"served")
        assert bytes(expected.line(5).read(5)) == b"served"
    for one in silent:
        one.close()


def test_a_connection_for_which_no_thread_is_left_ends_alone(lines, monkeypatch):
    def none_left(self):
        raise RuntimeError("can't start new thread")

    with lines.expect("P1MSP") as expected:
        with monkeypatch.context() as patched, pytest.raises((ProtocolError, ConnectionError)):
            patched.setattr(threading.Thread, "start", none_left)
            opened(expected.offer).read(5)
        opened(expected.offer).hang_up()
        assert expected.line(5) is not None


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01" + bytes(200), b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64])
def test_what_is_no_handshake_ends_its_connection_only(lines, sent):
    with socket.create_connection(("127.0.0.1", lines.port)) as plain:
        plain.sendall(sent)
        plain.shutdown(socket.SHUT_WR)
        plain.settimeout(10)
        try:
            while plain.recv(4096):
                pass
        except ConnectionResetError:
            pass
    with lines.expect("P1MSP") as expected:
        opened(expected.offer).hang_up()
        assert expected.line(5) is not None


def test_lines_end_with_the_listener():
    with Lines(P0, ADDRESS) as lines, lines.expect("P1MSP") as expected:
        second = opened(expected.offer)
        first = expected.line(5)
    for line in (first, second):
        assert_refused(line)


def test_a_newcomer_is_served_without_a_restart(lines, monkeypatch):
    joined = credentials("P0MSP", [*KNOWN, "StrangerMSP"])
    monkeypatch.setattr(type(P0), "newest", lambda self: joined)
    with lines.expect("StrangerMSP") as expected:
        opened(expected.offer, STRANGER).write(b"hello")
        assert bytes(expected.line(5).read(5)) == b"hello"


def test_a_ticket_is_not_printed(lines):
    with lines.expect("P1MSP") as expected:
        assert expected.offer.ticket not in repr(expected.offer) + str(expected.offer)
