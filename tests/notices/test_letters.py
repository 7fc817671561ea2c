"""Mails over a real SMTP conversation: what they say, to whom, in which language and time, and that
none is lost and none twice when the server fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client

from accounts.models import Account, Gateway, Membership, Workspace
from accounts.words.status import Status
from gateways.base import Reason
from notices.languages import TABLES
from notices.models import Delivery, Notice, Subscription
from notices.sending import outbox, reminders
from notices.wording.moments import moment

ZONES = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
EVIL = '<img src=x onerror=alert(1)>\u202e"\r\nBcc: mallory@example.com'


def mail_of(user):
    return Subscription.objects.get(user=user, kind="email")


def lost(town, session="s1", **fields):
    account = town.number(session, **fields)
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(8, every=2)
    return account


def send_all(town):
    for pk in Subscription.objects.values_list("pk", flat=True):
        outbox.deliver(pk)


def parts(letter):
    text = letter.get_body(("plain",)).get_content()
    return text, letter.get_body(("html",)).get_content()


def test_a_mail_says_what_since_when_why_and_what_to_do(town, mail_server):
    account = lost(town)

    send_all(town)

    [letter] = mail_server.letters
    text, html = parts(letter)
    assert letter["Subject"] == "WhatsApp Disconnected"
    assert letter["To"] == "olga@example.com"
    assert "Your WhatsApp session has been disconnected. Please scan the QR code" in text
    for said in (
        f"What: +{account.phone_number} is disconnected.",
        "Since: ",
        "Why: It was unlinked on the phone or by WhatsApp.",
        "Messages: Nothing is sent or received",
        "What happens next: It does not come back by itself.",
        "What to do: Please scan the QR code to reconnect.",
        "Reconnect Now: http://127.0.0.1:8000/settings/whatsapp-accounts",
    ):
        assert said in text
    assert 'href="http://127.0.0.1:8000/settings/whatsapp-accounts"' in html
    assert f"+{account.phone_number}" in html
    assert town.cast.gateway.name not in text  # a customer knows no gateways


def test_a_recipient_reads_it_in_their_language_and_time(town, mail_server):
    lost(town)
    Subscription.objects.filter(user=town.olga).update(language="id", time_zone="Asia/Jakarta")

    send_all(town)

    [letter] = mail_server.letters
    text, html = parts(letter)
    assert letter["Subject"] == "WhatsApp Terputus"
    assert "Silakan pindai kode QR" in text and "Sambungkan Sekarang" in html
    assert re.search(r"Sejak: \d\d\.\d\d WIB, selama \d+ detik", text)


@pytest.mark.parametrize(("zone", "name"), ZONES.items())
def test_indonesian_times_have_indonesian_names(zone, name):
    at = datetime(2026, 12, 1, 19, 10, tzinfo=UTC)
    said = moment(at, at, language="id", time_zone=zone)
    assert re.fullmatch(rf"0[234]\.10 {name}", said)


def test_another_day_is_named_and_an_unknown_zone_is_utc():
    at = datetime(2026, 5, 1, 19, 10, tzinfo=UTC)
    now = at + timedelta(days=2)
    assert moment(at, now, language="id", time_zone="Asia/Jakarta") == "2 Mei 02.10 WIB"
    assert moment(at, now, language="en", time_zone="Mars/Olympus") == "1 May 19:10 UTC"
    assert moment(at, at, language="en", time_zone="America/Sao_Paulo") == "16:10 UTC-03"


def test_every_language_says_the_same_with_the_same_values():
    names = {name: set(re.findall(r"\{(\w+)", said)) for name, said in TABLES["en"].items()}
    for table in TABLES.values():
        assert {name: set(re.findall(r"\{(\w+)", said)) for name, said in table.items()} == names
        assert len(table["months"].split()) == 12


def test_the_recovery_is_a_mail_too_and_says_how_long_it_lasted(town, mail_server):
    account = lost(town)
    send_all(town)
    town.turn(account, status=Status.CONNECTED)
    town.passes(80)

    send_all(town)

    assert [letter["Subject"] for letter in mail_server.letters] == [
        "WhatsApp Disconnected",
        "WhatsApp Connected Again",
    ]
    assert "It was disconnected from" in parts(mail_server.letters[1])[0]


def test_a_mail_server_that_is_down_loses_nothing_and_sends_nothing_twice(town, mail_server):
    mail_server.answers["GREET"] = "421 not now"
    account = lost(town)
    send_all(town)
    first = Delivery.objects.get(subscription=mail_of(town.olga))
    assert (first.state, first.attempts) == ("pending", 1)
    assert first.error and mail_server.letters == []
    town.turn(account, status=Status.CONNECTED)
    town.passes(80)
    mail_server.answers.clear()

    town.later += timedelta(minutes=30)
    for _ in range(4):
        send_all(town)
        town.later += timedelta(minutes=5)

    subjects = [letter["Subject"] for letter in mail_server.letters]
    assert subjects == ["WhatsApp Disconnected", "WhatsApp Connected Again"]
    assert "It is over: it lasted" in parts(mail_server.letters[0])[0]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_mail_whose_answer_was_lost_goes_again_under_the_same_message_id(town, mail_server):
    mail_server.answers["SENT"] = "451 taken, and not said"
    lost(town)
    send_all(town)
    mail_server.answers.clear()
    town.later += timedelta(hours=1)

    send_all(town)

    first, second = mail_server.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_a_sender_that_died_is_followed_by_another_with_the_same_message_id(town, mail_server):
    lost(town)
    olga = mail_of(town.olga)
    batch = outbox._claim(olga)
    assert batch is not None
    send_all(town)
    assert mail_server.letters == []  # its lease holds

    town.later += timedelta(minutes=10)
    send_all(town)

    [letter] = mail_server.letters
    assert letter["Message-ID"] == f"<{batch.letter.hex}@rollcall>"


def test_what_goes_over_the_hourly_limit_is_one_digest(town, mail_server):
    lost(town)
    send_all(town)
    Subscription.objects.filter(user=town.olga, kind="email").update(most_per_hour=2)
    for number in range(2, 6):
        Notice.objects.update(closed_at=town.now())
        lost(town, f"s{number}")
        send_all(town)
    assert len(mail_server.letters) == 1

    town.later += timedelta(minutes=61)
    send_all(town)

    assert len(mail_server.letters) == 2
    assert mail_server.letters[1]["Subject"] == "4 notices about WhatsApp numbers"


def test_quiet_hours_hold_the_mail_and_not_the_judgement(town, mail_server):
    now = town.now()
    account = town.number("s1")
    town.turn(account, status=Status.DISCONNECTED, reason=Reason.NETWORK)
    town.passes(200)
    start, end = (now - timedelta(hours=1)).time(), (now + timedelta(hours=5)).time()
    Subscription.objects.filter(user=town.olga, kind="email").update(
        quiet_from=start, quiet_until=end
    )
    send_all(town)
    assert mail_server.letters == [] and town.notices() == 2
    assert Delivery.objects.get(subscription=mail_of(town.olga)).is_held

    town.later += timedelta(hours=6)
    send_all(town)

    [letter] = mail_server.letters
    assert "is disconnected" in parts(letter)[0]


def test_what_heals_in_the_quiet_hours_wakes_nobody(town, mail_server):
    now = town.now()
    account = town.number("s1")
    town.turn(account, status=Status.DISCONNECTED, reason=Reason.NETWORK)
    town.passes(200)
    Subscription.objects.filter(user=town.olga, kind="email").update(
        quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=5)).time()
    )
    send_all(town)
    town.turn(account, status=Status.CONNECTED)
    town.passes(120)

    town.later += timedelta(hours=6)
    send_all(town)
    send_all(town)

    assert mail_server.letters == []


def test_quiet_hours_do_not_hold_what_only_a_human_mends(town, mail_server):
    lost(town)
    Subscription.objects.filter(kind="email").update(
        quiet_from=time(0), quiet_until=time(23, 59, 59, 999999)
    )

    send_all(town)

    assert len(mail_server.letters) == 1


def test_reminders_go_after_fifteen_and_sixty_minutes_until_somebody_acknowledges(
    town, mail_server
):
    omar = town.member("omar", Membership.Role.OPERATOR)
    lost(town)
    send_all(town)
    assert len(mail_server.letters) == 2
    for minutes in (10, 6, 1, 30, 20, 30, 60):
        town.later += timedelta(minutes=minutes)
        reminders.remind()
        send_all(town)

    to = [letter["To"] for letter in mail_server.letters[2:]]
    assert sorted(to) == ["olga@example.com", "olga@example.com", f"{omar.email}"]
    assert mail_server.letters[2]["Subject"] == "Still disconnected: WhatsApp"


def test_what_is_acknowledged_is_not_reminded_of(town, mail_server):
    lost(town)
    send_all(town)
    Notice.objects.update(acknowledged_at=town.now(), acknowledged_by="root")
    town.later += timedelta(minutes=20)

    assert reminders.remind() == 0


def test_names_cannot_break_a_mail_or_a_page(town, mail_server):
    Workspace.objects.filter(pk=town.cast.acme.pk).update(name=EVIL)
    Gateway.objects.filter(pk=town.cast.gateway.pk).update(name=EVIL[:60])
    operators = Subscription(kind="email")
    operators.target = "ops@example.com"
    operators.save()
    account = lost(town)
    Account.objects.filter(pk=account.pk).update(status_raw=EVIL)

    send_all(town)

    letter = next(one for one in mail_server.letters if one["To"] == "ops@example.com")
    text, html = parts(letter)
    assert letter["Bcc"] is None and "\u202e" not in text + html
    assert "<img" not in html and "&lt;img" in html
    assert "\nBcc" not in text


# --- unsubscribing ---------------------------------------------------------------------------
def link_of(letter):
    return letter["List-Unsubscribe"].strip(" <>").removeprefix("http://127.0.0.1:8000")


def test_one_click_ends_the_mails_and_leaves_the_app(town, mail_server):
    lost(town)
    send_all(town)
    [letter] = mail_server.letters
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    client = Client(enforce_csrf_checks=True)

    assert client.get(link_of(letter)).status_code == 200
    assert mail_of(town.olga).is_active  # a scanner of mail opens every link
    for _ in range(2):
        answer = client.post(link_of(letter), {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200

    assert not mail_of(town.olga).is_active
    Notice.objects.update(closed_at=town.now())
    lost(town, "s2")
    send_all(town)
    assert len(mail_server.letters) == 1
    assert Delivery.objects.filter(subscription__user=town.olga, what="lost").count() == 3


def test_a_link_that_somebody_made_up_does_nothing(town):
    lost(town)

    answer = Client().post(f"/notices/unsubscribe/{mail_of(town.olga).pk}:abc:def")

    assert answer.status_code == 404
    assert mail_of(town.olga).is_active
