from __future__ import annotations

from celery import shared_task

from webhooks import life, sweeper


@shared_task
def sweep_pending() -> None:
    sweeper.sweep_pending()


@shared_task
def flush_signs_of_life() -> None:
    life.flush_life()


@shared_task
def prune_deliveries() -> None:
    sweeper.prune()
