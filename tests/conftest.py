"""What every test stands on. The servers are those of `./run test`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from hypothesis import settings as hypothesis_settings

# No deadline: how long an example takes says more about the machine than about the code.
hypothesis_settings.register_profile("rollcall", deadline=None)
hypothesis_settings.load_profile("rollcall")


@pytest.fixture(scope="session")
def throwaway_redis() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def _redis_starts_empty(throwaway_redis: redis.Redis) -> None:
    """Redis knows no transactions to roll back: what a test leaves there ends with it."""
    throwaway_redis.flushall()
