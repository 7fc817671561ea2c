"""How each gateway's webhooks reached us last: one row for each, written in bulk."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Gateway
from accounts.redis_client import client
from webhooks.coalescing import taken
from webhooks.models import Route
from webhooks.passages import FAILURES, LAST

# A wrong path that was not used for so long, and is used again, is a new story.
STORY_ENDS_AFTER = timedelta(hours=1)


def flush_routes() -> int:
    """Write what was noted since the last time; of how many gateways."""
    with taken(LAST) as noted:
        said = _by_gateway(noted)
        known = set(Gateway.objects.filter(pk__in=said).values_list("pk", flat=True))
        failures = dict(client().hgetall(FAILURES)) if known else {}
        rows = {row.gateway_id: row for row in Route.objects.filter(gateway_id__in=known)}
        for gateway_id in known:
            row = rows.setdefault(gateway_id, Route(gateway_id=gateway_id))
            _note(row, said[gateway_id])
            row.consecutive_failures = int(failures.get(str(gateway_id), 0))
        Route.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["gateway"],
            update_fields=[field.name for field in Route._meta.fields if field.name not in _FIXED],
        )
    return len(rows)


_FIXED = frozenset({"id", "gateway"})


def _by_gateway(noted: Mapping[str, str]) -> dict[int, dict[str, Any]]:
    said: dict[int, dict[str, Any]] = defaultdict(dict)
    for field, value in noted.items():
        gateway_id, name = json.loads(field)
        said[gateway_id][name] = json.loads(value)
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
    if "wrong_path" in said:
        at, path = said["wrong_path"]
        _note_wrong_path(row, datetime.fromtimestamp(at, UTC), path[:200])


def _note_wrong_path(row: Route, at: datetime, path: str) -> None:
    is_new = row.wrong_path_at is None or row.wrong_path_at + STORY_ENDS_AFTER < at
    if is_new or row.wrong_path != path:
        row.wrong_path, row.wrong_path_since = path, at
    row.wrong_path_at = at


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
