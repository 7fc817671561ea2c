from __future__ import annotations

from celery import shared_task

from accounts.store import clock
from webhooks import changes, life, outgoing, refusals, repeats, routes, sweeper, tallies, watch


@shared_task
def sweep_pending() -> None:
    sweeper.sweep_pending()


@shared_task
def flush_signs_of_life() -> None:
    life.flush_life()


@shared_task
def flush_passages() -> None:
    """Refusals are counted like everything else that passed; before that it must be known which of
    them a success has overtaken."""
    routes.flush_routes()
    refusals.flush_refusals()
    tallies.flush_tallies()
    routes.flush_routes()


@shared_task
def watch_routes() -> None:
    flush_passages()
    changes.count_changes(clock.database_now())
    watch.watch_routes()


@shared_task
def send_forwards() -> None:
    outgoing.send_forwards()


@shared_task
def prune_deliveries() -> None:
    sweeper.prune()
    repeats.prune_event_ids()
    refusals.prune_refusals()
    tallies.prune_tallies()
