from __future__ import annotations

from celery import shared_task

from notices.judging import tick as ticks
from notices.sending import outbox, reminders


@shared_task
def tick() -> None:
    ticks.tick()


@shared_task
def deliver(subscription_id: int) -> None:
    outbox.deliver(subscription_id)


@shared_task
def sweep_deliveries() -> None:
    outbox.sweep()


@shared_task
def remind() -> None:
    reminders.remind()


@shared_task
def prune_notices() -> None:
    outbox.prune()
