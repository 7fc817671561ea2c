"""Celery transports and wakes; the rows in PostgreSQL are the queue. Static schedule."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging
from kombu.transport.redis import QoS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# A worker that has lost Redis would put back, through the connection that is gone, what it had
# taken and not begun: an error that ends it. The sweepers make up for a lost task.
QoS.restore_at_shutdown = False
app = Celery("rollcall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**kwargs: object) -> None:
    """Keep our JSON log format, which Celery would replace by its own."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@app.on_after_configure.connect
def set_schedule(sender: Celery, **kwargs: object) -> None:
    from django.conf import settings

    # Each entry expires after its own period: a worker that was away must not work off old ticks.
    schedule = {
        "reconciliation.tasks.call_every_roll": settings.ROLL_CALL_TICK_SECONDS,
        "reconciliation.tasks.probe_due_sessions": settings.PROBE_TICK_SECONDS,
        "accounts.tasks.expire_live_words": settings.EXPIRY_SWEEP_EVERY_SECONDS,
        "accounts.tasks.read_claims_again": settings.CLAIM_SWEEP_EVERY_SECONDS,
        "accounts.tasks.sweep_repairs": settings.START_SWEEP_EVERY_SECONDS,
        "reconciliation.tasks.govern": settings.GOVERN_EVERY_SECONDS,
        "accounts.tasks.sweep_notifications": settings.NOTIFICATION_SWEEP_EVERY_SECONDS,
        "notices.tasks.tick": settings.NOTICE_TICK_SECONDS,
        "notices.tasks.sweep_deliveries": settings.NOTIFICATION_SWEEP_EVERY_SECONDS,
        "notices.tasks.remind": 30,
        "notices.tasks.prune_notices": 3600,
        "reconciliation.tasks.find_twins": 60,
        "webhooks.tasks.sweep_pending": settings.DELIVERY_SWEEP_EVERY_SECONDS,
        "webhooks.tasks.flush_signs_of_life": 5,
        "webhooks.tasks.flush_passages": 5,
        "webhooks.tasks.watch_routes": 10,
        "webhooks.tasks.send_forwards": settings.DELIVERY_SWEEP_EVERY_SECONDS,
        "webhooks.tasks.prune_deliveries": 3600,
        "reconciliation.tasks.prune_runs": 3600,
        "accounts.tasks.prune_repairs": 3600,
        "accounts.tasks.prune_incidents": 3600,
    }
    sender.conf.beat_schedule = {
        name: {"task": name, "schedule": seconds, "options": {"expires": max(seconds, 5)}}
        for name, seconds in schedule.items()
    }
