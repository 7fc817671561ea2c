"""The command that creates a session, as the docs show it for each kind, against that kind as it is
simulated."""

from __future__ import annotations

import argparse
import json
import shlex

import httpx
import pytest

from gateways.registry import KINDS, clients
from simulator import still_world, transport

KEY = "test-key"
SECRET = "a-secret-of-32-characters-or-more"
HOST = "http://gateway:3001"


@pytest.fixture
def world():
    return lambda kind: still_world(
        lambda *webhook: 200, kind=kind, api_key=KEY, hmac_secret=SECRET
    )


def carry_out(line: str, over: httpx.BaseTransport) -> httpx.Response:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", default="GET")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("-sS", action="store_true")
    curl = parser.parse_args(shlex.split(line)[1:])
    headers = dict(header.split(": ", 1) for header in curl.H)
    with httpx.Client(transport=over) as client:
        return client.request(curl.X, curl.url, headers=headers, content=curl.d)


@pytest.mark.parametrize("kind", clients())
def test_it_creates_a_session(world, kind):
    here = world(kind)
    recipe = KINDS[kind].session_recipe.replace("http://HOST:PORT", HOST)
    recipe = recipe.replace("THE_KEY", KEY).replace("THE_SECRET_KEY", KEY)
    token = ""
    for line in recipe.splitlines():
        answer = carry_out(line.replace("TOKEN", token), transport(here))
        assert answer.status_code in (200, 201), answer.text
        token = json.loads(answer.text).get("token", "")

    make = clients()[kind]
    with make(HOST, api_key=KEY, transport=transport(here)) as client:
        assert client.read_session("SESSION", deadline_seconds=5) is not None
