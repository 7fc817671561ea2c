"""Statuses of an account. A test compares docs/statuses.md with this table."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models


class Status(models.TextChoices):
    PENDING = "pending", "pending"
    CONNECTING = "connecting", "connecting"
    QR_SCANNING = "qr_scanning", "waiting for a scan"
    CONNECTED = "connected", "connected"
    UNRESPONSIVE = "unresponsive", "unresponsive"
    DISCONNECTED = "disconnected", "disconnected"
    LOGGED_OUT = "logged_out", "logged out"
    BLOCKED = "blocked", "blocked"
    FAILED = "failed", "failed"
    STOPPED = "stopped", "stopped"
    UNKNOWN = "unknown", "unknown"


MEANINGS: dict[Status, str] = {
    Status.PENDING: "registered; nobody has seen a session for it yet",
    Status.CONNECTING: "the gateway is starting it, or it was scanned and is loading",
    Status.QR_SCANNING: "a human must scan the QR code",
    Status.CONNECTED: "the gateway says that it is connected; see the proof and its age",
    Status.UNRESPONSIVE: "the gateway says connected, another reading says otherwise",
    Status.DISCONNECTED: "gone; it may come back without a human",
    Status.LOGGED_OUT: "unlinked; a human must scan again",
    Status.BLOCKED: "WhatsApp or the proxy refuses it",
    Status.FAILED: "automatic repair gave up",
    Status.STOPPED: "switched off, as wanted",
    Status.UNKNOWN: "we cannot see it; the last known word is kept",
}

# A live status is believed only while it is fresh (Account.fresh_at); the others keep their age.
LIVE = frozenset(
    {Status.CONNECTING, Status.QR_SCANNING, Status.CONNECTED, Status.UNRESPONSIVE},
)
# These say *why* a session is gone. A plain "disconnected" does not overwrite them: only a live
# status or an operator does.
STICKY = frozenset({Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED})
# The current session is lost: a superseded one may take the account back.
LOST = frozenset({Status.DISCONNECTED, Status.LOGGED_OUT, Status.BLOCKED, Status.FAILED})

# Rank by which lists are sorted: what needs a human most comes first.
URGENCY: dict[Status, int] = {
    Status.LOGGED_OUT: 0,
    Status.BLOCKED: 1,
    Status.FAILED: 2,
    Status.QR_SCANNING: 3,
    Status.DISCONNECTED: 4,
    Status.UNRESPONSIVE: 5,
    Status.UNKNOWN: 6,
    Status.CONNECTING: 7,
    Status.PENDING: 8,
    Status.CONNECTED: 9,
    Status.STOPPED: 10,
}


class Wanted(models.TextChoices):
    """The wish of people for an account, independent of its status."""

    RUNNING = "running", "running"
    STOPPED = "stopped", "stopped"


class Source(models.TextChoices):
    """The source of a report."""

    WEBHOOK = "webhook", "webhook"
    LIST = "list", "roll call"
    READ = "read", "targeted read"
    PROBE = "probe", "probe of the live client"
    CLAIM = "claim", "gateway's call"
    SWEEP = "sweep", "expiry"
    OPERATOR = "operator", "operator"
    REGISTRATION = "registration", "registration"
    REPAIR = "repair", "repair"


# A read is our own check of the gateway; any other source is a report that a read confirms.
READS = frozenset({Source.LIST, Source.READ, Source.PROBE})
# Reports of machines. If one changes a status, a targeted read confirms it.
CLAIMS = frozenset({Source.WEBHOOK, Source.CLAIM})


def is_fresh(moment: datetime, now: datetime, *, lives: timedelta) -> bool:
    """Return True if a status that was last seen at `moment` may still be believed.

    A moment in the future means that a clock was set back since. It is believed for no longer than
    a moment in the past.
    """
    return now - lives < moment <= now + lives
