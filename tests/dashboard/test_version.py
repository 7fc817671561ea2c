"""One version, named in one place, and the same wherever it is asked for."""

from __future__ import annotations

import re
import subprocess

import pytest

from config.version import VERSION
from tests.dashboard.pages import ACCOUNTS, page_of
from tests.instance.running import ROOT


def test_the_script_says_it() -> None:
    said = subprocess.run([ROOT / "run", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"Rollcall {VERSION}\n"


def test_health_says_it(client, db) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": VERSION}


@pytest.mark.parametrize("page", ["/admin/", ACCOUNTS, "an account", "/admin/password_change/"])
def test_the_foot_of_every_page_of_the_admin_says_it(admin, cast, page) -> None:
    path = page_of(cast.alice) if page == "an account" else page
    assert (
        f'<footer class="rc-foot">Rollcall {VERSION}</footer>' in admin.get(path).content.decode()
    )


def test_who_is_not_logged_in_does_not_read_it_on_a_page(client, db) -> None:
    assert VERSION not in client.get("/admin/login/").content.decode()


def test_the_newest_release_of_the_changelog_is_this_one() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)[0]
    assert newest == VERSION
