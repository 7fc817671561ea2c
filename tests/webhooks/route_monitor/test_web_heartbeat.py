"""While no web process of ours was there, nobody could hear a gateway: that is our silence."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from accounts.store.clock import database_now
from accounts.store.redis_client import client
from webhooks.route_monitor.watch import WATCHED, watched_since
from webhooks.wire import web_process

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    """Routes have been watched for an hour."""
    now = database_now()
    moment = now.timestamp()
    client().set(WATCHED, json.dumps([moment - 3600, moment]))
    return now


def was_there(*, since: float, until: float) -> None:
    """A web process, so many seconds ago, by the clock of Redis."""
    at = web_process.redis_now()
    client().set(web_process.PRESENT, json.dumps([at - since, at - until]))


def watched_for(now) -> timedelta:
    return database_now() - watched_since(now)


def test_where_nobody_ever_said_so_nothing_is_excused(now):
    assert watched_for(now) > timedelta(minutes=59)


def test_what_came_before_the_web_was_there_does_not_count(now):
    was_there(since=100, until=5)
    assert timedelta(seconds=95) < watched_for(now) < timedelta(seconds=110)


def test_while_it_is_away_all_is_excused(now):
    was_there(since=3600, until=120)
    assert watched_for(now) < timedelta(seconds=10)


def test_a_web_process_that_says_so_again_goes_on(now):
    was_there(since=600, until=15)
    web_process.note()
    assert timedelta(seconds=590) < watched_for(now) < timedelta(seconds=620)


def test_one_that_was_away_begins_anew(now):
    was_there(since=3600, until=300)
    web_process.note()
    assert watched_for(now) < timedelta(seconds=10)


def test_the_first_request_of_a_server_makes_its_process_say_so(monkeypatch):
    begun = []
    monkeypatch.setattr(web_process, "_begin", lambda: begun.append(1))
    monkeypatch.setattr(web_process, "_begun", set())
    for _ in range(3):
        Client().get("/health")
    assert begun == []  # a test is no server
    for _ in range(3):
        Client().get("/health", SERVER_SOFTWARE="gunicorn/23.0")
    assert begun == [1]
