"""Redis is down: the sweepers take over the tasks."""

from __future__ import annotations

import pytest
from celery import Task
from kombu.exceptions import OperationalError

from accounts import tasks
from accounts.models import Repair
from accounts.repair import starts


@pytest.fixture
def no_redis(monkeypatch):
    def refuse(*args, **kwargs):
        raise OperationalError("Redis is away")

    monkeypatch.setattr(Task, "apply_async", refuse)


def test_a_start_whose_outcome_is_to_be_read_ends_without_an_error(no_redis, monkeypatch):
    unclear = Repair(pk=7, state=Repair.State.UNCLEAR)
    monkeypatch.setattr(starts, "carry_out_due", lambda gateway_id: unclear)

    tasks.carry_out_repairs(1)
