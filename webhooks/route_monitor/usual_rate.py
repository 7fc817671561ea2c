"""The minimum rate at which a gateway usually sends, to tell its silence from a quiet night."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

# Minimum number of known hours, or of known days with this hour.
FEWEST_HOURS = 3
FEWEST_DAYS = 3

# The minimum over the day before it was last heard, and over this hour of the last days. An hour
# without a row counts as 0.
_USUAL = """
SELECT heard.gateway_id, day.least, day.number, day.first, week.least, week.number, week.first,
       heard.hour
  FROM (SELECT gateway_id, date_trunc('hour', last_received_at) AS hour
          FROM webhook_routes WHERE last_received_at IS NOT NULL) heard,
  LATERAL (SELECT min(received) AS least, count(*) AS number, min(began_at) AS first
             FROM webhook_route_tallies
            WHERE gateway_id = heard.gateway_id AND span = 'hour' AND received > 0
              AND began_at >= heard.hour - interval '24 hours' AND began_at < heard.hour) day,
  LATERAL (SELECT min(received) AS least, count(*) AS number, min(began_at) AS first
             FROM webhook_route_tallies
            WHERE gateway_id = heard.gateway_id AND span = 'hour' AND received > 0
              AND began_at IN (SELECT date_trunc('hour', %(now)s) - interval '24 hours' * days
                                 FROM generate_series(1, 7) days)) week
"""


def usual_per_hour(now: datetime) -> dict[int, float]:
    """Return the rate by gateway; 0 if it is not known, or if the gateway may well send nothing."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_USUAL, {"now": now})
        return {
            gateway_id: max(
                _least(day, known, first, until, seconds=3600, fewest=FEWEST_HOURS),
                _least(week, times, since, this_hour, seconds=86_400, fewest=FEWEST_DAYS),
            )
            for gateway_id, day, known, first, week, times, since, until in cursor.fetchall()
        }


def _least(
    least: int | None,
    number: int,
    first: datetime | None,
    until: datetime,
    *,
    seconds: int,
    fewest: int,
) -> float:
    """Return the minimum over all periods from the first to the last; 0 if one is missing."""
    if least is None or first is None or number < fewest:
        return 0.0
    return float(least) if number >= (until - first).total_seconds() / seconds else 0.0
