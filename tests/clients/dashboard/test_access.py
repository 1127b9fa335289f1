# SPDX-License-Identifier: Apache-2.0
"""Who may see the pages."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from medquorum.clients.dashboard.web.access import HEADERS
from medquorum_testing.dashboard.served import Dashboard

PAGES = ["/", "/round?task=demo&round=1", "/evidence?task=demo&round=1", "/static/style.css", "/events", "/nowhere"]


@pytest.mark.parametrize("path", PAGES)
def test_without_the_cookie_nothing_is_shown(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "medquorum dashboard" in answer.text
    stranger.cookies.set("session", "a guess")
    assert stranger.get(path).status_code == 401


def test_a_link_opens_the_pages_once(dashboard: Dashboard, stranger: TestClient) -> None:
    told: list[str] = []
    dashboard.keys.renewed = told.append
    used = dashboard.keys.token
    opened = stranger.get(f"/?token={used}")
    assert opened.status_code == 303
    assert opened.headers["location"] == "/"
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert used not in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.get(f"/?token={used}").status_code == 403
    assert told == [dashboard.keys.token]
    assert stranger.get(f"/?token={told[0]}").status_code == 303


@pytest.mark.parametrize("token", ["", "x", "ä", "%00", "%ff"])
def test_another_token_opens_nothing(stranger: TestClient, token: str) -> None:
    assert stranger.get(f"/?token={token}").status_code in (401, 403)
    assert stranger.get("/").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:8765", ""])
def test_another_site_s_name_is_refused(browser: TestClient, host: str) -> None:
    assert browser.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1:8765", "http://127.0.0.1"])
def test_another_site_cannot_start_a_check(dashboard: Dashboard, browser: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert browser.post("/verify?task=demo&round=1", headers=headers).status_code == 403
    assert dashboard.checks.asked == []


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 303), ("same-site", 403), ("cross-site", 403), ("none", 403)]
)
def test_a_form_without_a_referrer_is_known_by_its_site(browser: TestClient, site: str, status: int) -> None:
    headers = {"origin": "null", "sec-fetch-site": site}
    assert browser.post("/verify?task=demo&round=1", headers=headers).status_code == status


def test_every_answer_forbids_what_is_from_elsewhere(dashboard: Dashboard, stranger: TestClient) -> None:
    before = [stranger.get("/"), stranger.get("/", headers={"host": "evil.example"})]
    opened = stranger.get(f"/?token={dashboard.keys.token}")
    for answer in [*before, opened, *(stranger.get(path) for path in PAGES if path != "/events")]:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", PAGES[:4])
def test_pages_are_only_read(browser: TestClient, path: str) -> None:
    answer = browser.post(path, headers={"origin": "http://127.0.0.1:8765"})
    assert answer.status_code == 405


def test_a_redirect_stays_here(dashboard: Dashboard, stranger: TestClient) -> None:
    opened = stranger.get(f"http://127.0.0.1:8765//evil.example/?token={dashboard.keys.token}")
    assert opened.headers["location"] == "/"
