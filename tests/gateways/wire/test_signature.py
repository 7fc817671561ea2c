from __future__ import annotations

import pytest

from gateways.kinds.webjs.words import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from tests.gateways.kinds import recorded


def test_the_worked_example_of_the_contract():
    body = (
        b'{"event":"session_disconnected","data":{"workspace_id":1,'
        b'"session_id":"webjs_1_1763264512_KUfMjqya","reason":"NAVIGATION"}}'
    )

    assert (
        signature("s3cret", "1763264512", body)
        == "44ff093bea3aa5c201d481939246ae2a20a057e67472b541a8c3bab4674b497e"
    )


@pytest.mark.parametrize("webhook", recorded.webhooks())
def test_every_recorded_webhook_is_signed_so(webhook):
    headers = webhook["headers"]

    assert headers[SIGNATURE_HEADER] == signature(
        recorded.SECRET, headers[TIMESTAMP_HEADER], webhook["body"].encode()
    )
