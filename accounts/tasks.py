from __future__ import annotations

from celery import shared_task

from accounts import confirm, expiry


@shared_task
def confirm_session(gateway_id: int, session_id: str) -> None:
    confirm.confirm(gateway_id, session_id)


@shared_task
def expire_live_words() -> None:
    expiry.expire_live_words()
