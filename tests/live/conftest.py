from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cast import Cast, make_cast
from tests.live.streams import Live, a_user, cookie_of, opened, streaming


@pytest.fixture
def cast(transactional_db) -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def _streams_end_with_their_test() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


@pytest.fixture(scope="session")
def live_process(django_db_setup, tmp_path_factory) -> Iterator[Live]:
    """One process for the tests that leave it as it was."""
    with streaming(tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture
def live(live_process: Live) -> Live:
    return live_process


@pytest.fixture
def root(cast) -> str:
    """The cookie of an administrator."""
    return cookie_of(a_user("root", is_superuser=True))
