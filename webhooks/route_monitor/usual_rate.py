"""How much a gateway sends even when it sends little, so that its silence can be told from a quiet
night."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

# So many hours, or days with this hour, must be known.
FEWEST_HOURS = 3
FEWEST_DAYS = 3

# The least of the day before it was last heard, and the least of this hour on the last days. In an
# hour without a row nothing came.
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
    """By gateway; 0 where its habit is not known, or where it may well send nothing."""
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
    """Of every so many seconds from the first to the last, if none is missing."""
    if least is None or first is None or number < fewest:
        return 0.0
    return float(least) if number >= (until - first).total_seconds() / seconds else 0.0
