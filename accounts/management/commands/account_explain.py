"""Older name of `explain`."""

from __future__ import annotations

from accounts.management.commands.explain import Command

__all__ = ("Command",)
