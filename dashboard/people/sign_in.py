"""Whose wrong passwords are counted together (django-axes)."""

from __future__ import annotations

from django.http import HttpRequest

from webhooks.route_monitor.source_address import client_address


def address_of(request: HttpRequest) -> str:
    """The peer, or what a trusted proxy says of it."""
    return client_address(request.META)
