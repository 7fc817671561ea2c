"""The last state of each gateway's route: one row each, written in bulk."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from accounts.models import Gateway
from accounts.store.redis_client import client
from webhooks.models import Route
from webhooks.route_monitor import wrong_path
from webhooks.route_monitor.request_log import FAILURES, LAST
from webhooks.wire.redis_batch import taken

logger = logging.getLogger(__name__)


def flush_routes() -> int:
    """Write the noted requests. Return the number of gateways."""
    with taken(LAST) as noted:
        said = _by_gateway(noted)
        known = set(Gateway.objects.filter(pk__in=said).values_list("pk", flat=True))
        failures = _failures_in_a_row() if known else {}
        rows = {row.gateway_id: row for row in Route.objects.filter(gateway_id__in=known)}
        for gateway_id in known:
            row = rows.setdefault(gateway_id, Route(gateway_id=gateway_id))
            _note(row, said[gateway_id])
            row.consecutive_failures = failures.get(gateway_id, row.consecutive_failures)
        Route.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["gateway"],
            update_fields=[field.name for field in Route._meta.fields if field.name not in _FIXED],
        )
    return len(rows)


_FIXED = frozenset({"id", "gateway"})


def _failures_in_a_row() -> dict[int, int]:
    """Return the failures in a row by gateway; empty if Redis is away."""
    try:
        found = client().hgetall(FAILURES)
    except RedisError as error:
        logger.warning("consecutive failures were not read: %s", type(error).__name__)
        return {}
    return {int(gateway_id): int(number) for gateway_id, number in dict(found).items()}


def _by_gateway(noted: Mapping[str, str]) -> dict[int, dict[str, Any]]:
    said: dict[int, dict[str, Any]] = defaultdict(lambda: {"wrong_paths": {}})
    for field, value in noted.items():
        gateway_id, name, *path = json.loads(field)
        of_gateway = said[gateway_id]
        (of_gateway["wrong_paths"] if path else of_gateway)[path[0] if path else name] = json.loads(
            value
        )
    return said


def _note(row: Route, said: Mapping[str, Any]) -> None:
    row.last_received_at = _moment(said.get("received")) or row.last_received_at
    row.last_success_at = _moment(said.get("success")) or row.last_success_at
    row.last_unsigned_at = _moment(said.get("unsigned")) or row.last_unsigned_at
    row.clock_skew_seconds = said.get("skew", row.clock_skew_seconds)
    if "failure" in said:
        at, code, why = said["failure"]
        row.last_failure_at = _moment(at)
        row.last_failure_code, row.last_failure_why = code[:40], why[:500]
    for path, (at, is_heard, key_went_along) in sorted(
        said["wrong_paths"].items(), key=lambda item: item[1][0]
    ):
        row.wrong_paths = wrong_path.noted(
            row.wrong_paths, path, at=at, is_heard=is_heard, key_went_along=key_went_along
        )


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
