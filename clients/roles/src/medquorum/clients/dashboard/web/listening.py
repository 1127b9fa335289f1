# SPDX-License-Identifier: Apache-2.0
"""Where the pages are served, and under which names: on this machine alone, or anywhere with TLS."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509

from medquorum.errors import ConfigError

__all__ = ["Listening"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Listening:
    """A socket that listens, the names browsers may use for it, and the TLS files; closes with the context."""

    socket: socket.socket
    names: tuple[str, ...]
    certificate: Path | None
    key: Path | None

    @classmethod
    def checked(cls, host: str, port: int, certificate: Path | None, key: Path | None) -> Listening:
        """Listen at an address.

        Raises
        ------
        ConfigError
            It is not of this machine alone and there is no TLS; it is taken; or a file cannot be used.
        """
        if (certificate is None) != (key is None):
            raise ConfigError("only one of certificate and key is given", "Give --tls-certificate and --tls-key")
        names: tuple[str, ...] = LOOPBACK_NAMES
        if certificate is not None:
            names = (*names, host, *_names(certificate))
        elif not _is_loopback(host):
            raise ConfigError(
                f"{host} can be reached from other machines, and there is no TLS",
                "Give --tls-certificate and --tls-key, or listen at 127.0.0.1 and use an SSH tunnel",
            )
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return cls(socket.create_server((host, port), family=family), names, certificate, key)
        except OSError as error:
            raise ConfigError(f"{host}:{port} cannot be listened at: {error}", "Give another --port, or 0") from error

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "http" if self.certificate is None else "https"

    @property
    def port(self) -> int:
        """The port, also where a free one was asked for."""
        return int(self.socket.getsockname()[1])

    @property
    def hosts(self) -> frozenset[str]:
        """What browsers may send as host; they leave out the scheme's own port."""
        own = {"http": 80, "https": 443}[self.scheme] == self.port
        return frozenset(name if own else f"{name}:{self.port}" for name in self.names)

    @property
    def address(self) -> str:
        """The address to open."""
        name = self.names[-1] if self.certificate is not None else self.names[0]
        return f"{self.scheme}://{name}:{self.port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(certificate: Path) -> list[str]:
    """Return the names a certificate is for, as addresses in the browser have them."""
    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise ConfigError(
            f"{certificate} cannot be used: {error}", "Give a PEM file whose certificate has alternative names"
        ) from error
    addresses = names.get_values_for_type(x509.IPAddress)
    return [
        *(f"[{one}]" if one.version == 6 else str(one) for one in addresses),
        *names.get_values_for_type(x509.DNSName),
    ]
