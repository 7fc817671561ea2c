"""In observe mode Rollcall repairs nothing, and no sentence says that something recovers by itself
for its doing."""

from __future__ import annotations

import pytest

from accounts.models import Gateway
from accounts.words.reasons import REASONS
from accounts.words.status import Status


@pytest.mark.parametrize("reason", [code for code, told in REASONS.items() if told.repairable])
@pytest.mark.parametrize("status", [Status.DISCONNECTED, Status.UNRESPONSIVE])
@pytest.mark.parametrize("seconds", [10, 600])
def test_nothing_recovers_automatically(cast, say, status, reason, seconds):
    observed = {"mode": Gateway.Mode.OBSERVE}
    since = {"status_reason": reason, "status_since": cast.ago(seconds)}
    said = say(status, gateway=observed, **since)
    assert "automatically" not in said.human
    assert "Observe mode: Rollcall will not repair this." in said.human
