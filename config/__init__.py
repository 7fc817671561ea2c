"""Configuration: the settings and the names of all parts; no decisions."""

from __future__ import annotations

from config.celery import app as celery

__all__ = ("celery",)
