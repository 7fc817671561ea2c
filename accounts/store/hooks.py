"""What others want to do after an account was registered. `accounts` knows nobody above it, so
those above enter themselves here when they start."""

from __future__ import annotations

from collections.abc import Callable

after_registration: list[Callable[[int, str], None]] = []
"""Called with (gateway id, session id) once the registration is committed."""
