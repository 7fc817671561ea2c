"""Where the web is bound, and where it is reached."""

from __future__ import annotations

import pytest

from instance.options import ROOT, read_options


def test_without_a_word_all_is_on_loopback_with_a_simulator() -> None:
    options = read_options([])
    assert options.url == "http://127.0.0.1:8000"
    assert options.simulator and not options.is_open_to_others
    assert options.state.directory == ROOT / ".rollcall"


@pytest.mark.parametrize(
    "bind,address,url",
    [
        ("0.0.0.0", "0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("::", "[::]:8000", "http://[::1]:8000"),
        ("192.0.2.7", "192.0.2.7:8000", "http://192.0.2.7:8000"),
    ],
)
def test_an_open_web_is_reached_where_it_listens(bind: str, address: str, url: str) -> None:
    options = read_options(["--bind", bind, "--no-simulator"])
    assert (options.address, options.url) == (address, url)
    assert options.is_open_to_others
