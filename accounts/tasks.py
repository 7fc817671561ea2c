from __future__ import annotations

from celery import shared_task

from accounts import channels, confirm, expiry, sending


@shared_task
def confirm_session(gateway_id: int, session_id: str) -> None:
    confirm.confirm(gateway_id, session_id)


@shared_task
def expire_live_words() -> None:
    expiry.expire_live_words()


@shared_task
def tell_channel(channel_id: int) -> None:
    sending.tell_channel(channel_id)


@shared_task
def sweep_notifications() -> None:
    sending.sweep_notifications()


@shared_task
def try_channel(channel_id: int) -> None:
    channels.try_channel(channel_id)
