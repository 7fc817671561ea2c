"""The accounts list answers: who needs me, why, and how sure are we?"""

from __future__ import annotations

import re

import pytest

from accounts.models import Account, Gateway
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from tests.dashboard.pages import ACCOUNTS, listed, sessions


def shown(client, query=""):
    return listed(client.get(f"{ACCOUNTS}{query}"))


def row_of(client, session_id, query=""):
    [row] = [row for row in shown(client, query) if session_id in row]
    return row


def test_who_needs_a_human_comes_first(admin, cast):
    assert sessions(admin.get(ACCOUNTS)) == ["charlie", "bob", "alice"]


def test_who_needs_a_human_comes_first_whatever_it_is_sorted_by(admin, cast):
    for query in ("?o=1", "?o=-1", "?o=2", "?o=-3", "?o=4", "?o=-6"):
        assert sessions(admin.get(ACCOUNTS + query)) == ["charlie", "bob", "alice"]


def test_who_waits_for_a_human_the_longest_comes_last_among_equals(admin, cast):
    cast.an_account("dora", Status.LOGGED_OUT, status_since=cast.ago(60))
    assert sessions(admin.get(ACCOUNTS))[:2] == ["dora", "charlie"]


def test_a_row_says_status_since_evidence_reason_gateway_and_workspace(admin, cast):
    row = row_of(admin, "charlie")
    for part in ("62811801643", "logged out", "10 min", "Unlinked from the phone", "10 s ago"):
        assert part in row
    assert "Scan the QR code" in row
    assert "Acme" in row
    assert "whatsapp-1" in row


def test_connected_is_never_shown_without_its_proof(admin, cast):
    assert "connected claimed by the gateway, never proven" in row_of(admin, "alice")
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(40), proof="a message")
    assert "proven 40 s ago by a message" in row_of(admin, "alice")
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.ago(840))
    assert "claimed by the gateway, last proof 14 min ago" in row_of(admin, "alice")


def test_an_expired_word_reads_unknown_although_nobody_wrote_it_down(admin, cast):
    Account.objects.filter(pk=cast.alice.pk).update(read_at=cast.ago(46))
    assert "unknown last known connected 46 s" in row_of(admin, "alice")
    assert row_of(admin, "alice", "?status=unknown")
    assert shown(admin, "?status=connected") == []


def test_the_last_evidence_is_the_newest_of_all(admin, cast):
    Account.objects.filter(pk=cast.alice.pk).update(last_activity_at=cast.ago(3))
    assert re.search(r"\d s ago activity", row_of(admin, "alice"))
    Gateway.objects.update(listed_at=cast.ago(1))
    assert re.search(r"\d s ago roll call", row_of(admin, "alice"))
    Account.objects.filter(pk=cast.alice.pk).update(unshown_since=cast.ago(1))
    assert re.search(r"\d s ago not on its list", row_of(admin, "alice"))


def test_an_account_that_nobody_ever_saw_says_so(admin, cast):
    cast.an_account("new", Status.PENDING, observed_at=None, read_at=None)
    assert "none yet" in row_of(admin, "new")


def test_what_runs_unwanted_needs_a_human(admin, cast):
    Account.objects.filter(pk=cast.alice.pk).update(wanted=Wanted.STOPPED)
    row = row_of(admin, "alice", "?group=human")
    assert 'press "Unlink session" (it then needs a new scan)' in row


def test_chips_count_whose_turn_it_is_under_the_other_filters(admin, cast):
    cast.an_account("gina", Status.CONNECTED, workspace=cast.globex)
    response = admin.get(f"{ACCOUNTS}?workspace__id__exact={cast.acme.pk}&group=human")
    numbers = {chip["name"]: chip["number"] for chip in response.context_data["groups"]}
    assert numbers == {"human": 2, "blind": 0, "healing": 0, "connected": 1, "stopped": 0}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("group=human", ["charlie", "bob"]),
        ("group=connected", ["alice"]),
        ("group=healing", ["hal"]),
        ("group=blind", ["ulla"]),
        ("group=stopped", ["steve"]),
        ("status=logged_out", ["charlie"]),
        ("status=qr_scanning", ["bob"]),
        ("hidden=archived", ["archie"]),
        ("hidden=merged", ["mergy"]),
    ],
)
def test_filters_find_whom_they_name(admin, cast, query, found):
    cast.an_account("hal", Status.CONNECTING)
    cast.an_account("ulla", Status.UNKNOWN, status_reason=Reason.UNREACHABLE)
    cast.an_account("steve", Status.STOPPED, wanted=Wanted.STOPPED)
    cast.an_account("archie", Status.STOPPED, wanted=Wanted.STOPPED, archived_at=cast.now)
    cast.an_account("mergy", Status.STOPPED, merged_into=cast.alice)
    assert sessions(admin.get(f"{ACCOUNTS}?{query}")) == found


def test_filters_by_gateway_and_workspace(admin, cast):
    cast.an_account("gina", Status.CONNECTED, workspace=cast.globex, gateway=cast.other_gateway)
    for query in (f"gateway__id__exact={cast.other_gateway.pk}", "workspace__id__exact="):
        value = "" if query[-1].isdigit() else cast.globex.pk
        assert sessions(admin.get(f"{ACCOUNTS}?{query}{value}")) == ["gina"]


def test_filters_speak_plainly(admin, cast):
    page = admin.get(ACCOUNTS).content.decode()
    for word in (
        "Needs a human",
        "Unknown: gateway not reachable",
        "Accounts in use",
        "Archived",
    ):
        assert word in page


def test_archived_and_merged_accounts_are_hidden_unless_asked_for(admin, cast):
    Account.objects.filter(pk=cast.bob.pk).update(archived_at=cast.now)
    assert "bob" not in sessions(admin.get(ACCOUNTS))
    assert "bob" in sessions(admin.get(f"{ACCOUNTS}?hidden=all"))


def test_fifty_stand_on_a_page(admin, cast):
    for number in range(50):
        cast.an_account(f"s{number}", Status.CONNECTED)
    first, second = (sessions(admin.get(f"{ACCOUNTS}?p={page}")) for page in (1, 2))
    assert (len(first), len(second)) == (50, 3)
    assert not set(first) & set(second)


def test_strangers_words_are_shown_harmless(admin, cast):
    cast.an_account("\u202egpj\x1b[31m", Status.CONNECTED)
    cast.an_account("<script>alert(1)</script>", Status.CONNECTED)
    page = admin.get(ACCOUNTS).content.decode()
    assert "\\u202egpj\\u001b[31m" in page
    assert "\u202e" not in page
    assert "<script>alert" not in page


def test_the_list_can_be_acted_on(admin, cast):
    """The list's script looks for the table by this class."""
    page = admin.get(ACCOUNTS).content.decode()
    assert 'class="result-list' in page
    assert page.count('class="action-select') == 3
