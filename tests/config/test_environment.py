"""Settings are read from the environment; what makes no sense is named, and never repeated if it
may hold a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch):
    return lambda value, name="SAID": monkeypatch.setenv(name, value)


@pytest.mark.parametrize("said", ["1", "true", "YES", " on "])
def test_a_flag_is_on(say, said: str) -> None:
    say(said)
    assert environment.flag("SAID") is True


@pytest.mark.parametrize("said", ["0", "false", "No", "off"])
def test_a_flag_is_off(say, said: str) -> None:
    say(said)
    assert environment.flag("SAID", default=True) is False


def test_an_empty_flag_is_its_default(say) -> None:
    say("")
    assert environment.flag("SAID", default=True) is True


def test_a_flag_that_is_neither_is_refused_by_name(say) -> None:
    say("maybe")
    with pytest.raises(ImproperlyConfigured, match="SAID='maybe' is neither true nor false"):
        environment.flag("SAID")


@pytest.mark.parametrize(
    "said,words",
    [
        ("ten", "SAID='ten' is not a whole number"),
        ("0", "SAID='0' must be 1 or more"),
        ("-3", "SAID='-3' must be 1 or more"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(say, said: str, words: str) -> None:
    say(said)
    with pytest.raises(ImproperlyConfigured, match=words):
        environment.number("SAID", 5)


def test_a_number_may_be_nothing_where_nothing_makes_sense(say) -> None:
    say("0")
    assert environment.number("SAID", 5, least=0) == 0


def test_a_choice_names_what_there_is(say) -> None:
    say("loud")
    with pytest.raises(ImproperlyConfigured, match="SAID='LOUD' is none of INFO, ERROR"):
        environment.choice("SAID", "INFO", among=("INFO", "ERROR"))


def test_a_list_has_no_empty_entries(say) -> None:
    say("a.example, b.example,,")
    assert environment.words("SAID") == ["a.example", "b.example"]


def test_a_secret_is_read_from_its_file_without_the_line_end(say, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    say(str(tmp_path / "key"), "SAID_FILE")
    say("the other one")
    assert environment.secret("SAID") == "s3cret"


def test_a_file_that_is_not_there_is_named(say, tmp_path: Path) -> None:
    say(str(tmp_path / "key"), "SAID_FILE")
    with pytest.raises(ImproperlyConfigured, match=r"SAID_FILE=.*/key: No such file"):
        environment.secret("SAID")


def test_a_file_that_is_not_text_is_named_and_not_shown(say, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    say(str(tmp_path / "key"), "SAID_FILE")
    with pytest.raises(ImproperlyConfigured, match=r"SAID_FILE=.*/key is not text"):
        environment.secret("SAID")


def test_a_database_address_becomes_its_parts() -> None:
    found = environment.database("postgresql://ro%40l:p%2Fw@db.example:5433/main?sslmode=require")
    assert found == {
        "ENGINE": "django.db.backends.postgresql",
        **{"NAME": "main", "USER": "ro@l", "PASSWORD": "p/w", "HOST": "db.example"},
        **{"PORT": "5433", "OPTIONS": {"sslmode": "require"}},
    }


def test_a_database_may_be_behind_a_unix_socket() -> None:
    found = environment.database("postgresql://rollcall@/main?host=/run/postgresql")
    assert (found["HOST"], found["PORT"], found["OPTIONS"]) == ("/run/postgresql", "", {})


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@db/main",
        "hunter2",
        "postgresql://u:hunter2@db",
        "postgresql://u:hunter2/x@db/main",
        "postgresql://u:hunter2[x@db/main",
        "postgresql://u:hunter2@db:99999999/main",
    ],
)
def test_an_unreadable_address_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refused:
        environment.database(url)
    assert "hunter2" not in str(refused.value)
