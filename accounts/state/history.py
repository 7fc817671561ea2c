"""Write the history: a row for each change, but for those of an account that comes and goes.

A gateway can send hundreds of changes in a minute. Beyond MOST rows within SPAN, a change that
follows another within a minute, and repeats what these rows have said already, is folded into the
newest row: that row keeps where it came from, gets the newest status, reason and source, and counts
in `folded`. So a new reason is a row of its own, a state that lasted is never folded away, and what
a person or a repair did stays as it is. Beyond MOST_AT_ALL rows within SPAN new reasons are folded,
too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from accounts.words.status import Source

SPAN = timedelta(minutes=10)
# Four spells of three changes each are rows, so that reconciliation.repair.flapping sees them.
MOST = 16
MOST_AT_ALL = 60
LASTING = timedelta(minutes=1)
_NEVER_FOLDED = (Source.OPERATOR, Source.REGISTRATION, Source.REPAIR)

_COLUMNS = {
    "account_id": "bigint",
    "from_status": "text",
    "to_status": "text",
    "reason": "text",
    "raw": "text",
    "source": "text",
    "actor": "text",
    "session_id": "text",
    "evidence": "text",
    "observed_at": "timestamptz",
    "created_at": "timestamptz",
}
_OVERWRITTEN = [name for name in _COLUMNS if name not in ("account_id", "from_status")]
# A batch's changes of one account are folded all, or none. The newest rows are read once for each
# account, by the index of its history.
INSERT_SQL = """
WITH moved AS MATERIALIZED (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(%(moved)s::jsonb) AS ({definition}))
           WITH ORDINALITY moved({columns}, place)
), noisy AS MATERIALIZED (
    SELECT account.id AS account_id, newest.id
      FROM (SELECT account_id AS id, max(created_at) AS now, array_agg(source) AS sources,
                   array_agg(to_status || ' ' || reason) AS said
              FROM moved GROUP BY account_id) account,
           LATERAL (
               SELECT max(recent.id) AS id, count(*) AS rows, max(recent.created_at) AS at,
                      array_agg(recent.to_status || ' ' || recent.reason) AS said,
                      (array_agg(recent.source ORDER BY recent.id DESC))[1] AS source
                 FROM (SELECT id, to_status, reason, source, created_at
                         FROM account_transitions WHERE account_id = account.id
                        ORDER BY id DESC LIMIT %(most_at_all)s) recent
                WHERE recent.created_at > account.now - %(span)s
           ) newest
     WHERE newest.rows >= %(most)s AND newest.at > account.now - %(lasting)s
       AND newest.source <> ALL(%(never)s) AND NOT account.sources && %(never)s
       AND (account.said <@ newest.said OR newest.rows >= %(most_at_all)s)
), folded AS (
    UPDATE account_transitions kept
       SET {overwritten}, folded = kept.folded + last.times
      FROM (SELECT DISTINCT ON (account_id) moved.*,
                   count(*) OVER (PARTITION BY account_id) AS times
              FROM moved ORDER BY account_id, place DESC) last
      JOIN noisy USING (account_id)
     WHERE kept.id = noisy.id
)
INSERT INTO account_transitions ({columns})
SELECT {columns} FROM moved
 WHERE account_id NOT IN (SELECT account_id FROM noisy) ORDER BY place
""".format(
    columns=", ".join(_COLUMNS),
    definition=", ".join(f"{column} {kind}" for column, kind in _COLUMNS.items()),
    overwritten=", ".join(f"{column} = last.{column}" for column in _OVERWRITTEN),
)
# The values of INSERT_SQL beside `moved`, the changes as JSON.
VALUES: dict[str, Any] = {
    "span": SPAN,
    "lasting": LASTING,
    "most": MOST,
    "most_at_all": MOST_AT_ALL,
    "never": list(map(str, _NEVER_FOLDED)),
}
