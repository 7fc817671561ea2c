from __future__ import annotations

import httpx
import pytest

from gateways import registry
from gateways.base import Rejected


def saying(text):
    return httpx.MockTransport(lambda request: httpx.Response(400, json={"error": text}))


def said_by(base_url):
    client = registry.client_for("webjs", base_url, api_key="k")
    with pytest.raises(Rejected) as refusal:
        client.health(deadline_seconds=5)
    return str(refusal.value).rsplit(" ", 1)[-1]


def test_an_unknown_kind_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="no gateway kind 'fax'; known: webjs, evolution"):
        registry.client_for("fax", "http://gateway:3001", api_key="k")


def test_the_longest_fitting_prefix_chooses_the_transport():
    with (
        registry.use_transport("http://gateway", saying("short")),
        registry.use_transport("http://gateway-2", saying("long")),
    ):
        assert said_by("http://gateway-1:3001") == "short"
        assert said_by("http://gateway-2:3001") == "long"


def test_a_transport_is_put_back_afterwards():
    with registry.use_transport("http://gateway", saying("outer")):
        with registry.use_transport("http://gateway", saying("inner")):
            assert said_by("http://gateway:3001") == "inner"
        assert said_by("http://gateway:3001") == "outer"
    assert registry._transports == {}
