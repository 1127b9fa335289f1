# SPDX-License-Identifier: Apache-2.0
"""Who may see the pages: whoever has opened the link that the command printed, and only under the page's own name."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Access", "Keys"]

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer: nothing from elsewhere, no script in the page itself, no trace of what was seen."""

TOKEN_BYTES = 32


def _secret() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass
class Keys:
    """The token of the next link, which opens the pages once, and the session's, which the browser keeps as a cookie.

    ``renewed`` is told the next token when one was used.
    """

    renewed: Callable[[str], None] = lambda token: None
    token: str = field(default_factory=_secret, repr=False)
    session: str = field(default_factory=_secret, repr=False)

    def redeem(self, token: str) -> bool:
        """Return whether a token is that of the link; it then is so no more."""
        if not _equal(token, self.token):
            return False
        self.token = _secret()
        self.renewed(self.token)
        return True

    def holds(self, session: str) -> bool:
        """Return whether a cookie is the session's."""
        return _equal(session, self.session)


class Access:
    """Lets a request through that names one of the page's own hosts and has the cookie.

    Parameters
    ----------
    hosts
        ``host:port`` as browsers send it: any other is another site's name that leads here.
    scheme
        ``http`` or ``https``.
    """

    def __init__(self, app: ASGIApp, keys: Keys, hosts: frozenset[str], scheme: str, cookie: str) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._scheme = scheme
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to who may not see the page, or not yet; None to who may."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return PlainTextResponse("This is not the name of this page. Open the link that was printed.\n", 421)
        if scope["method"] not in ("GET", "HEAD") and not self._is_own(headers, host):
            return PlainTextResponse("Another site has sent this request.\n", 403)
        tokens = parse_qs(scope["query_string"].decode("ascii", "replace")).get("token")
        if tokens is not None:
            return self._opened(tokens[0], scope["path"])
        if not self._keys.holds(_cookie(headers, self._cookie)):
            return PlainTextResponse(
                "This page opens with the link that `medquorum dashboard` printed last: each link opens it once.\n", 401
            )
        return None

    def _is_own(self, headers: Headers, host: str) -> bool:
        """Return whether one of the own pages sent a request: without a referrer browsers name no origin in forms."""
        origin = headers.get("origin", "")
        if origin == f"{self._scheme}://{host}":
            return True
        return origin == "null" and headers.get("sec-fetch-site") == "same-origin"

    def _opened(self, token: str, path: str) -> Response:
        if not self._keys.redeem(token):
            return PlainTextResponse("This link was used, or is not the one that was printed last.\n", 403)
        answer = RedirectResponse("/" if path.startswith("//") else path, 303)
        answer.set_cookie(
            self._cookie, self._keys.session, httponly=True, samesite="strict", secure=self._scheme == "https"
        )
        return answer


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
