from __future__ import annotations

import pytest

from accounts import doorbell
from tests.cast import make_cast


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def rung(monkeypatch):
    """What the doorbell was rung for, as (task, arguments), once committed."""
    calls = []
    monkeypatch.setattr(doorbell, "_send", lambda task, args: calls.append((task, args)))
    return calls
