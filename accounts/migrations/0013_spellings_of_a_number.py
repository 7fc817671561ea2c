"""The rules of accounts.words.phone_numbers as a function of the database; then what no rule may
find any more is mended: rows that hold a LID for a number, and second rows of one number."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, migrations

from gateways.phone_numbers import SHORTEST_LID, looks_like_lid

AT_ONCE = 1_000

# Of SQL alone, so that it is put into the statement that calls it and into the index.
KEY = """
CREATE FUNCTION whatsapp_number_key(number text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE left(number, 2)
    WHEN '55' THEN CASE WHEN number ~ '^55[1-9][1-9]9[6-9][0-9]{7}$'
        THEN left(number, 4) || right(number, 8) ELSE number END
    WHEN '52' THEN CASE WHEN number ~ '^521[2-9][0-9]{9}$'
        THEN '52' || right(number, 10) ELSE number END
    WHEN '54' THEN CASE WHEN number ~ '^549[1-3][0-9]{9}$'
        THEN '54' || right(number, 10) ELSE number END
    WHEN '22' THEN CASE
        WHEN number ~ '^229[2-9][0-9]{7}$' THEN '22901' || right(number, 8)
        WHEN number ~ '^225[04-9][0-3][0-9]{6}$' THEN '22501' || right(number, 8)
        WHEN number ~ '^225[04-9][4-6][0-9]{6}$' THEN '22505' || right(number, 8)
        WHEN number ~ '^225[04-9][7-9][0-9]{6}$' THEN '22507' || right(number, 8)
        WHEN number ~ '^225[23][0-9]8[0-9]{5}$' THEN '22521' || right(number, 8)
        WHEN number ~ '^225[23][0-9]0[0-9]{5}$' THEN '22525' || right(number, 8)
        WHEN number ~ '^225[23][0-9][1-79][0-9]{5}$' THEN '22527' || right(number, 8)
        ELSE number END
    ELSE number END
$$
"""

_LIDS = """
SELECT id, phone_number FROM whatsapp_accounts WHERE length(phone_number) >= %s ORDER BY id
"""
# Of each number one row keeps it: what is wanted and not removed comes first, then what was seen
# connected last, then the oldest.
_SECOND_ROWS = """
SELECT id, first_id, phone_number, first_number FROM (
    SELECT id, phone_number,
           first_value(id) OVER one AS first_id, first_value(phone_number) OVER one AS first_number
      FROM whatsapp_accounts WHERE phone_number IS NOT NULL
    WINDOW one AS (
        PARTITION BY workspace_id, whatsapp_number_key(phone_number)
        ORDER BY (wanted = 'running' AND archived_at IS NULL) DESC,
                 last_connected_at DESC NULLS LAST, id)
) numbered WHERE id <> first_id ORDER BY id
"""
_MEND = """
WITH mended AS (
    UPDATE whatsapp_accounts account SET phone_number = NULL, updated_at = clock_timestamp()
      FROM unnest(%s::bigint[], %s::text[]) said(id, why) WHERE account.id = said.id
 RETURNING account.id, status, status_reason, coalesce(session_id, '') AS session_id, why
)
INSERT INTO account_transitions (account_id, from_status, to_status, reason, raw, source, actor,
                                 session_id, evidence, observed_at, created_at)
SELECT id, status, status, status_reason, left(why, 200), 'operator', 'upgrade', session_id,
       'migration 0013', clock_timestamp(), clock_timestamp()
  FROM mended
"""


def mend(apps: object, schema_editor: object) -> None:
    """Each is said in its own history and in the output."""
    with connection.cursor() as cursor:
        cursor.execute(_LIDS, [SHORTEST_LID])
        lids = [
            (pk, f"{number} is a LID, and no phone number: taken from the account")
            for pk, number in cursor.fetchall()
            if looks_like_lid(number)
        ]
        _mend(lids)
        cursor.execute(_SECOND_ROWS)
        _mend([
            (pk, f"{number} is the number of account {first} ({spelt}): taken from this account")
            for pk, first, number, spelt in cursor.fetchall()
        ])


def _mend(rows: list[tuple[int, str]]) -> None:
    for some in _chunks(rows):
        with connection.cursor() as cursor:
            cursor.execute(_MEND, [[pk for pk, _ in some], [why for _, why in some]])
        for pk, why in some:
            print(f"\n    account {pk}: {why}", end="")


def _chunks(rows: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


class Migration(migrations.Migration):
    # Each chunk is a transaction of its own: an index cannot be made beside changes that wait.
    atomic = False

    dependencies = [("accounts", "0012_incident_of_what_is_not_written")]

    operations = [
        migrations.RunSQL(
            f"DROP FUNCTION IF EXISTS whatsapp_number_key; {KEY}",
            "DROP FUNCTION whatsapp_number_key",
        ),
        migrations.RunPython(mend, migrations.RunPython.noop),
    ]
