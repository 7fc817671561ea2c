"""Callbacks that run after an account was registered. `accounts` imports nothing above it, so
modules above add themselves here at startup."""

from __future__ import annotations

from collections.abc import Callable

after_registration: list[Callable[[int, str], None]] = []
"""Called with (gateway id, session id) once the registration is committed."""
