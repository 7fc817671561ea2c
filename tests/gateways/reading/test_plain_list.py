"""A list in which nothing is odd is read at once, and as if it had been read entry by entry."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.kinds.webjs.answers import ListAnswer, listing_of, plain_listing
from tests.gateways.kinds import recorded

ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
MOMENTS = ["2026-11-22T11:52:23.344Z", "2026-11-22T11:52:23", " 2026-11-22", "soon", "", None]


def mostly(*usual):
    return st.sampled_from(usual) | st.sampled_from(usual) | ODD


ENTRIES = st.fixed_dictionaries(
    {"session_id": mostly("a", "b", "c", " d", "e" * 250), "status": mostly("connected", "READY")},
    optional={
        "workspace_id": mostly(1, 2, "1", -1, 2**70),
        "phone_number": mostly("62811801641", "+62 811 801 641", 62811801641, "62811801641@c.us"),
        "connected_at": mostly(*MOMENTS),
        "more": ODD,
    },
)
LISTS = st.fixed_dictionaries(
    {"sessions": st.lists(ENTRIES, max_size=4), "total": mostly(0, 1, 2, 3, 4, "1")},
    optional={"success": mostly(True, False)},
)


def whole(body):
    return listing_of(msgspec.json.decode(body, type=ListAnswer))


@settings(max_examples=500)
@given(LISTS, st.booleans(), st.sampled_from([None, (",", ":")]))
def test_it_is_read_as_entry_by_entry_or_not_at_all(said, is_counted, separators):
    counted = said | ({"total": len(said["sessions"])} if is_counted else {})
    body = json.dumps(counted, separators=separators).encode()
    plain = plain_listing(body)

    assert plain is None or plain == entry_by_entry(body)


def entry_by_entry(body):
    try:
        return whole(body)
    except msgspec.DecodeError:
        return None


def test_every_recorded_list_is_plain():
    lists = [line for line in recorded.calls() if line["label"].endswith(" list")]
    answers = [line["answer"].encode() for line in lists if line["status"] == 200]

    assert answers
    assert [plain_listing(answer) for answer in answers] == [whole(answer) for answer in answers]


@pytest.mark.parametrize("oddity", [" ", "\\u0007", "é", "\x7f"], ids=ascii)
@pytest.mark.parametrize("where", ["session_id", "status", "phone_number", "more"])
def test_whatever_is_odd_in_it_it_is_read_as_entry_by_entry(where, oddity):
    fields = {"session_id": "a", "status": "connected", "phone_number": "62811801641", "more": "x"}
    entry = ",".join(
        f'"{name}":"{text}{oddity * (name == where)}"' for name, text in fields.items()
    )
    body = f'{{"sessions":[{{{entry}}}],"total":1}}'.encode()

    assert plain_listing(body) == (whole(body) if where == "more" else None)
