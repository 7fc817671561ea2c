"""The tables of the plain application: an inbox, accounts, and a history of their states."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.event_id


class Account(models.Model):
    session_id = models.CharField(max_length=255, unique=True)
    workspace_id = models.BigIntegerField()
    phone_number = models.CharField(max_length=15, blank=True)
    status = models.CharField(max_length=20)
    reason = models.CharField(max_length=40, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.session_id


class Transition(models.Model):
    account = models.ForeignKey(Account, models.CASCADE, related_name="transitions")
    event = models.ForeignKey(Event, models.CASCADE, related_name="+")
    from_status = models.CharField(max_length=20)
    to_status = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
