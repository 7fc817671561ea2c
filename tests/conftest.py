"""What every test stands on. The servers are those of `./run test`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from hypothesis import settings as hypothesis_settings

from tests.instance.running import Running, until
from webhooks.wire import web_process

# No deadline: how long an example takes says more about the machine than about the code.
hypothesis_settings.register_profile("rollcall", deadline=None)
hypothesis_settings.load_profile("rollcall")


def pytest_configure() -> None:
    """Spare the tests' own process what costs seconds and decides nothing: every test client
    would read all static files at its start, and a hard password hash is slow on purpose."""
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def throwaway_redis() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def _nothing_begins_in_the_background() -> None:
    """Start no thread that looks at keys or sends notes: in the tests' own process it would meet
    another test's rows. Web processes that tests start have theirs."""
    web_process.also_begun.clear()


@pytest.fixture(autouse=True)
def _redis_starts_empty(throwaway_redis: redis.Redis) -> None:
    """Redis knows no transactions to roll back: what a test leaves there ends with it."""
    throwaway_redis.flushall()


@pytest.fixture(scope="session")
def shared_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start one real instance for all tests that need its processes."""
    with Running(tmp_path_factory.mktemp("instance") / "state") as instance:
        instance.until_said("READY")
        yield instance


@pytest.fixture
def running(shared_instance: Running) -> Running:
    """The same, when it is well again: some tests kill one of its processes."""
    until(shared_instance.is_well)
    return shared_instance
