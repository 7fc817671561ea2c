"""The plain webhook's statements, for Django and for pgbench."""

from __future__ import annotations

ONE_STATEMENT = """
WITH event AS (
  INSERT INTO plain_event (event_id, type, payload, received_at)
  VALUES (%(event_id)s, %(type)s, %(payload)s::jsonb, now())
  ON CONFLICT (event_id) DO NOTHING RETURNING id
), held AS (
  SELECT id, status FROM plain_account WHERE session_id = %(session_id)s FOR UPDATE
), moved AS (
  UPDATE plain_account account
     SET status = %(status)s, reason = %(reason)s, updated_at = now()
    FROM held, event WHERE account.id = held.id
)
INSERT INTO plain_transition (account_id, event_id, from_status, to_status, created_at)
SELECT held.id, event.id, held.status, %(status)s, now() FROM held, event
"""

_PAYLOAD = '{"event": "session_status_changed", "device": "' + "x" * 500 + '"}'
_CHOOSE = r"""
\set account random(0, :accounts - 1)
\set event random(1, 1000000000000000)
"""
PGBENCH_ONE = (
    _CHOOSE
    + ONE_STATEMENT.replace("%(event_id)s", "':event'")
    .replace("%(type)s", "'session_status_changed'")
    .replace("%(payload)s", f"'{_PAYLOAD}'")
    .replace("%(session_id)s", "'bench-' || :account")
    .replace("%(status)s", "'connected'")
    .replace("%(reason)s", "''")
    .replace("':event'", ":event::text")
    + ";\n"
)
# The insert, the lock, the update, the insert and the commit.
PGBENCH_FIVE = f"""{_CHOOSE}
BEGIN;
INSERT INTO plain_event (event_id, type, payload, received_at)
VALUES (:event::text, 'session_status_changed', '{_PAYLOAD}', now())
ON CONFLICT (event_id) DO NOTHING RETURNING id AS event_key \\gset
SELECT id AS account_key, status AS before FROM plain_account
 WHERE session_id = 'bench-' || :account FOR UPDATE \\gset
UPDATE plain_account SET status = 'connected', reason = '', updated_at = now()
 WHERE id = :account_key;
INSERT INTO plain_transition (account_id, event_id, from_status, to_status, created_at)
VALUES (:account_key, :event_key, 'connected', 'disconnected', now());
COMMIT;
"""
