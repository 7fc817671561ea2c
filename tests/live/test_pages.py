"""Pages that move by themselves, in a real browser: what is committed is seen, without a reload."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Incident, Membership
from accounts.state import visibility
from accounts.words.status import Status
from instance.ports import free_port
from tests.cast import see
from tests.instance.running import until
from tests.live.browser import chromium, logged_in, needs_chromium
from tests.live.streams import Live, a_user, streaming
from tests.webhooks.serving import Server, served

# Playwright runs a loop of its own in this thread, and Django would refuse to be called beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.django_db(transaction=True), needs_chromium, pytest.mark.timeout(240)]
SECOND = 1000
ACCOUNTS, INCIDENTS = "/admin/accounts/account/", "/admin/accounts/incident/"
GATEWAYS, MONITOR = "/admin/accounts/gateway/", "/admin/webhooks/route/"


@dataclass
class Place:
    web: Server
    live_port: int
    browser: Browser
    cookie: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def open(self, path: str, **options: Any) -> Page:
        """A page with a working stream, and without an error of its script."""
        page = logged_in(self.browser, self.url, self.cookie, **options).new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda told: told.type == "error" and errors.append(told.text))
        with page.expect_event("response", lambda one: "/live/events" in one.url):
            page.goto(self.url + path)
        return page


errors: list[str] = []


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def web(django_db_setup, ports, tmp_path_factory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("web"), LIVE_PORT=str(ports[1])) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def stream(ports, web, tmp_path) -> Iterator[Live]:
    pages = f"http://127.0.0.1:{web.port}"
    with streaming(tmp_path, port=ports[1], PUBLIC_URL=pages) as live:
        yield live


@pytest.fixture
def place(web, stream, browser, root) -> Iterator[Place]:
    errors.clear()
    yield Place(web, stream.port, browser, root)
    for context in browser.contexts:
        context.close()


def badge(page: Page, account: Any) -> Any:
    return page.locator(f'[data-account="{account.uuid}"]').first


@pytest.mark.parametrize("path", ["/admin/", ACCOUNTS, f"{ACCOUNTS}{{alice}}/change/"])
def test_a_badge_turns_without_a_reload(place, cast, path) -> None:
    """On the start page a connected account has no badge: it comes there when it is lost."""
    page = place.open(path.format(alice=cast.alice.pk))
    if path != "/admin/":
        expect(badge(page, cast.alice)).to_have_attribute("data-status", "connected")

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    expect(badge(page, cast.alice)).to_have_attribute(
        "data-status", "logged_out", timeout=20 * SECOND
    )
    assert errors == []


def test_counts_title_and_icon_follow(place, cast) -> None:
    page = place.open(ACCOUNTS)
    expect(page).to_have_title("(2) Select account to change | Rollcall")

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    expect(page).to_have_title("(3) Select account to change | Rollcall", timeout=20 * SECOND)
    expect(page.locator(".rc-chip--human strong").first).to_have_text("3")
    link = page.locator("#nav-sidebar-apps a", has_text="Accounts").first
    expect(link).to_contain_text("3", timeout=20 * SECOND)
    assert ">3</text>" in page.evaluate(
        "decodeURIComponent(document.querySelector('link[rel=icon]').href)"
    )


@pytest.mark.parametrize("path", ["/admin/", INCIDENTS, MONITOR, "gateway", "route"])
def test_an_incident_appears_and_goes_by_itself(place, cast, path) -> None:
    own = {
        "gateway": f"{GATEWAYS}{cast.gateway.pk}/change/",
        "route": reverse("admin:webhooks_route_gateway", args=[cast.gateway.pk]),
    }
    page = place.open(own.get(path, path))
    content = page.locator("#content")
    page.wait_for_timeout(500)

    open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk, text="500 for 3 min")

    expect(content).to_contain_text("500 for 3 min", timeout=20 * SECOND)
    close_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk, text="")
    if path == INCIDENTS:
        expect(content).to_contain_text("over", timeout=20 * SECOND)
    else:
        expect(content).not_to_contain_text("500 for 3 min", timeout=20 * SECOND)


def test_a_gateway_that_is_lost_is_shown_in_their_list(place, cast) -> None:
    page = place.open(GATEWAYS)
    row = page.locator("tr.data-row", has_text="whatsapp-1")
    before = row.inner_text()

    visibility.note_blind(cast.gateway.pk, "refused", started=cast.now)

    until(lambda: row.inner_text() != before)
    expect(row).to_contain_text("refused")


def test_the_timeline_of_an_account_grows(place, cast) -> None:
    page = place.open(f"{ACCOUNTS}{cast.alice.pk}/change/")

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    timeline = page.locator(".rc-timeline")
    expect(timeline).to_contain_text("connected → logged out", timeout=20 * SECOND)


def test_ages_grow_in_the_browser(place, cast) -> None:
    page = place.open(ACCOUNTS)
    age = page.locator("tr.data-row", has_text="62811801641").locator(".field-evidence time")

    first = int(age.inner_text().split()[0])

    until(lambda: int(age.inner_text().split()[0]) >= first + 3, limit_seconds=6)


def test_rows_stay_where_they_are_until_somebody_puts_them_in_order(place, cast) -> None:
    page = place.open(ACCOUNTS)
    rows = page.locator("tr.data-row .rc-row-link")
    before = rows.all_inner_texts()
    hint = page.locator("#rc-live-hint")
    expect(hint).to_be_hidden()

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    see(cast.charlie, Status.CONNECTED, at=cast.now)

    expect(hint).to_be_visible(timeout=20 * SECOND)
    assert rows.all_inner_texts() == before
    hint.get_by_role("button").click()
    assert rows.all_inner_texts() != before
    expect(badge(page, cast.alice)).to_have_attribute("data-status", "logged_out")
    expect(hint).to_be_hidden()


def test_a_row_that_comes_later_is_followed_too(place, cast) -> None:
    page = place.open(ACCOUNTS)
    dora = cast.an_account("dora", Status.CONNECTED)

    with page.expect_event(
        "request", lambda one: str(dora.uuid) in one.url, timeout=20 * SECOND
    ) as asked:
        see(dora, Status.LOGGED_OUT, at=cast.now)

    assert "/live/events" in asked.value.url
    expect(badge(page, dora)).to_have_attribute("data-status", "logged_out")
    expect(page.locator("#rc-live-band")).to_be_hidden()


def test_a_checked_row_stays_checked(place, cast) -> None:
    page = place.open(ACCOUNTS)
    row = page.locator("tr.data-row", has_text="62811801641")
    row.locator("input").check()

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)

    expect(row).to_contain_text("a human must scan again", timeout=20 * SECOND)
    expect(row.locator("input")).to_be_checked()


def test_a_page_whose_feed_died_says_so_within_10_s_and_goes_on_by_reading(
    web, ports, browser, root, cast, tmp_path
) -> None:
    with streaming(tmp_path, port=ports[1], PUBLIC_URL=f"http://127.0.0.1:{web.port}") as live:
        place = Place(web, live.port, browser, root)
        page = place.open(ACCOUNTS)
        expect(page).to_have_title("(2) Select account to change | Rollcall")
        band = page.locator("#rc-live-band")
        page.wait_for_timeout(1000)
        expect(band).to_be_hidden()

    expect(band).to_be_visible(timeout=20 * SECOND)
    expect(band).to_contain_text("Live updates stopped at")
    expect(band).to_contain_text("UTC. Showing data of")

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    expect(badge(page, cast.alice)).to_have_attribute(
        "data-status", "logged_out", timeout=20 * SECOND
    )

    with streaming(tmp_path, port=ports[1], PUBLIC_URL=f"http://127.0.0.1:{web.port}"):
        expect(band).to_be_hidden(timeout=30 * SECOND)
        see(cast.alice, Status.QR_SCANNING, at=cast.now)
        expect(badge(page, cast.alice)).to_have_attribute("data-status", "qr_scanning")
    for context in browser.contexts:
        context.close()


def test_who_is_signed_out_is_told_so(place, cast) -> None:
    from django.contrib.sessions.models import Session

    page = place.open(ACCOUNTS)
    Session.objects.all().delete()

    expect(page.locator("#rc-live-band")).to_contain_text("signed out", timeout=30 * SECOND)


def test_a_hidden_page_has_no_stream_and_reads_anew_when_it_is_seen(place, stream, cast) -> None:
    page = place.open(ACCOUNTS)
    until(lambda: stream.health()["streams"] == 1)
    hide(page, True)
    until(lambda: stream.health()["streams"] == 0)

    see(cast.alice, Status.LOGGED_OUT, at=cast.now)
    hide(page, False)

    expect(badge(page, cast.alice)).to_have_attribute(
        "data-status", "logged_out", timeout=10 * SECOND
    )
    until(lambda: stream.health()["streams"] == 1)


def hide(page: Page, hidden: bool) -> None:
    """Headless Chromium hides no tab: the page is told what it would see."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_a_page_that_is_left_closes_its_stream(place, stream, cast) -> None:
    page = place.open(ACCOUNTS)
    until(lambda: stream.health()["streams"] == 1)

    page.goto("about:blank")

    until(lambda: stream.health()["streams"] == 0)


def test_hostile_names_stay_text_when_they_come_by_a_change(place, cast) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\">"
    cast.gateway.name = hostile
    cast.gateway.save()
    cast.acme.name = hostile + "2"
    cast.acme.save()
    page = place.open("/admin/")

    see(cast.alice, Status.LOGGED_OUT, at=cast.now, raw=hostile)
    open_incident(Incident.Kind.FAILING, gateway_id=cast.gateway.pk, text=hostile)

    expect(page.locator("#content")).to_contain_text(hostile, timeout=20 * SECOND)
    expect(badge(page, cast.alice)).to_be_visible(timeout=20 * SECOND)
    assert "owned" not in page.title()
    assert page.locator("#content img").count() == 0


def test_staff_of_one_workspace_s_members_get_no_page_of_the_admin_by_the_stream(
    place, cast
) -> None:
    """A member who is no staff: the stream tells badges, and the page stays closed."""
    from tests.live.streams import cookie_of

    mia = a_user("mia", is_staff=False)
    Membership.objects.create(workspace=cast.acme, user=mia)
    page = logged_in(place.browser, place.url, cookie_of(mia)).new_page()

    page.goto(place.url + ACCOUNTS)

    assert "/admin/login/" in page.url
