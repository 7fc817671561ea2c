"""Log lines that strangers cause are counted, not written without end."""

from __future__ import annotations

import io
import json
import logging

import pytest
from django.test import Client

from config.logs import FIRST, Counted, JsonFormatter

FLOOD = 1000


@pytest.fixture
def written():
    """What our handler writes: its lines, and its filter."""
    stream, counted = io.StringIO(), Counted()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(counted)
    root = logging.getLogger()
    root.addHandler(handler)

    def lines():
        counted.summarise()
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield lines
    root.removeHandler(handler)


@pytest.mark.parametrize("times", [1, FIRST, FIRST + 1, FLOOD])
def test_the_first_lines_are_written_and_the_others_counted(written, times):
    for number in range(times):
        logging.getLogger("webhooks.x").warning("a call was refused: %s", f"code-{number}")
    lines = [line["message"] for line in written()]
    left_out = max(0, times - FIRST)
    assert lines[: min(times, FIRST)] == [
        f"a call was refused: code-{number}" for number in range(min(times, FIRST))
    ]
    assert lines[FIRST:] == (
        [f"{left_out} more of these within 60 s: a call was refused: %s"] if left_out else []
    )


def test_lines_of_another_kind_are_written_beside_a_flood(written):
    for _ in range(FLOOD):
        logging.getLogger("webhooks.x").warning("a call was refused: %s", "x")
    logging.getLogger("webhooks.y").warning("something else")
    logging.getLogger("webhooks.x").error("a call was refused: %s", "x")
    assert len([line for line in written() if "more of these" not in line["message"]]) == FIRST + 2


def test_a_new_minute_begins_anew(written):
    for _ in range(2):
        for _ in range(FIRST + 1):
            logging.getLogger("webhooks.x").warning("refused")
        lines = written()
    assert [line["message"] for line in lines].count("refused") == 2 * FIRST


def test_texts_without_end_become_one_kind(written, monkeypatch):
    monkeypatch.setattr("config.logs.MOST_KINDS", 10)
    for number in range(FLOOD):
        logging.getLogger("any.package").warning(f"text {number}")  # noqa: G004
    lines = written()
    assert len(lines) == 10 + FIRST + 1
    assert lines[-1]["message"] == f"{FLOOD - 10 - FIRST} more of these within 60 s: other lines"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99999", "a b", "\u202eevil", "[::"])
def test_a_foreign_host_is_a_counted_line_without_its_words(written, host, settings):
    settings.ALLOWED_HOSTS = ["rollcall.example"]
    client = Client(raise_request_exception=False)
    for _ in range(FLOOD // 10):
        assert client.get("/admin/login/", headers={"Host": host}).status_code == 400
    lines = [line for line in written() if line["logger"].startswith("django.security")]
    assert [line["message"] for line in lines] == [
        *["refused: DisallowedHost"] * FIRST,
        f"{FLOOD // 10 - FIRST} more of these within 60 s: refused: DisallowedHost",
    ]
    assert not [line for line in lines if "exception" in line or "evil" in json.dumps(line)]
