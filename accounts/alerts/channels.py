"""Add and test alert channels."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.alerts.outbox import note_outcome
from accounts.alerts.sender import SendOutcome, send, trouble_with_url
from accounts.alerts.wording import trial_message
from accounts.models import Channel
from accounts.store.encryption import CannotOpen
from accounts.words.refusals import Conflict


def clean_target(kind: str, target: str) -> str:
    """Return the target as it is stored. Raises ValidationError, never quoting an Apprise URL."""
    if kind == Channel.Kind.EMAIL:
        return _clean_addresses(target)
    if trouble := trouble_with_url(target.strip()):
        raise ValidationError(trouble)
    return target.strip()


def _clean_addresses(text: str) -> str:
    addresses = [address.strip() for address in text.split(",") if address.strip()]
    if not addresses:
        raise ValidationError("give at least one e-mail address")
    for number, address in enumerate(addresses, start=1):
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError(f"address {number} is not an e-mail address") from None
    return ",".join(dict.fromkeys(addresses))


def ensure_channel(name: str, *, kind: str, target: str) -> tuple[Channel, bool]:
    """Return the channel of this name with this target, and True if it was created. Raises Conflict
    and ValidationError."""
    target = clean_target(kind, target)
    with transaction.atomic():
        found = Channel.objects.select_for_update().filter(name=name).first()
        if found is not None and found.kind != kind:
            raise Conflict(
                f"channel {name!r} is of kind {found.kind}: give the new one another name"
            )
        if found is None:
            return _add(name, kind, target), True
        if _target(found) != target:
            keep_channel(found, changed=[], target=target)
    return found, False


def _add(name: str, kind: str, target: str) -> Channel:
    channel = Channel(name=name, kind=kind)
    aim(channel, target)
    channel.full_clean()
    channel.save()
    return channel


def keep_channel(channel: Channel, *, changed: list[str], target: str = "") -> None:
    """Save a new channel, or only the changed fields of an old one: a sender may be writing the
    others."""
    if target:
        aim(channel, target)
        changed = [*changed, "sealed", "failing_since", "last_error"]
    channel.save(update_fields=changed if channel.pk else None)


def aim(channel: Channel, target: str) -> None:
    """Set another target. Errors of the old target are cleared."""
    channel.target = target
    channel.failing_since, channel.last_error = None, ""


def try_channel(channel_id: int) -> SendOutcome:
    """Send a test now, and record what it says about the channel."""
    channel = Channel.objects.get(pk=channel_id)
    outcome = send(channel, trial_message(channel.name), letter_id=uuid.uuid4().hex)
    note_outcome(channel, outcome)
    return outcome


def _target(channel: Channel) -> str | None:
    try:
        return channel.target
    except CannotOpen:
        return None
