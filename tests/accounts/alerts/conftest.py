from __future__ import annotations

import pytest

from accounts.alerts import sender


@pytest.fixture(autouse=True)
def _time_to_start(monkeypatch):
    """A busy machine takes long to start the sender's process: let a channel's own timeout end
    what hangs, not the limit around it."""
    monkeypatch.setattr(sender, "BEYOND_SECONDS", 30)
