from __future__ import annotations

from celery import shared_task

from accounts.store import clock
from webhooks.forwarding import sender
from webhooks.inbox import activity, duplicates, retry
from webhooks.route_monitor import last_seen, missed_changes, refused_requests, tallies, watch


@shared_task
def sweep_pending() -> None:
    retry.sweep_pending()


@shared_task
def flush_signs_of_life() -> None:
    activity.flush_life()


@shared_task
def flush_passages() -> None:
    """Count refusals with all other requests, once it is known which of them have a later
    success."""
    last_seen.flush_routes()
    refused_requests.flush_refusals()
    tallies.flush_tallies()
    last_seen.flush_routes()


@shared_task
def watch_routes() -> None:
    flush_passages()
    missed_changes.count_changes(clock.database_now())
    watch.watch_routes()
    duplicates.prune_signed()


@shared_task
def send_forwards() -> None:
    sender.send_forwards()


@shared_task
def prune_deliveries() -> None:
    retry.prune()
    duplicates.prune_event_ids()
    refused_requests.prune_refusals()
    tallies.prune_tallies()
