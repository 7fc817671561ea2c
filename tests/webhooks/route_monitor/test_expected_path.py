"""What to do about a wrong path, in the words of the gateway's kind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateways.base import webhook_path
from gateways.registry import KINDS
from webhooks.route_monitor.expected_path import cure, right_url
from webhooks.route_monitor.wrong_path import WrongPath

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
USED = WrongPath(path="/hooks/wa", since=AT, at=AT, is_heard=True)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_told_where_to_send_and_how_to_stay(kind, settings):
    settings.PUBLIC_URL = "https://rollcall.example.com"
    said = cure(kind, [USED])

    assert webhook_path(kind) in said
    assert right_url(kind) in said or kind == "webjs"
    assert "accept this path" in said


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("webjs", "WEBHOOK_ENDPOINT=/api/webhooks/webjs"),
        ("wwebjs_api", "BASE_WEBHOOK_URL=http"),
        ("waha", "webhook_check --fix"),
        ("evolution", "webhook_check --fix"),
        ("wppconnect", "WEBHOOK_URL=http"),
    ],
)
def test_no_kind_is_told_another_s_setting(kind, setting):
    said = cure(kind, [USED])

    assert setting in said
    assert ("WEBHOOK_ENDPOINT" in said) is (kind == "webjs")
