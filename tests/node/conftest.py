"""The web and the gateway's secret are those of the webhooks' tests."""

from __future__ import annotations

from tests.webhooks.conftest import _no_remembered_keys, secret, server

__all__ = ["_no_remembered_keys", "secret", "server"]
