"""The workspaces that a gateway serves: those of its accounts that are neither archived nor merged.

What a gateway says of numbers in other workspaces is shown to operators, and moves or blocks
nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts.store.database import ask

# For each pair the first at or after it, which only the index by both can give. EXISTS, and LIMIT
# without an order, are planned as a pass over the table wherever a hit is expected early.
SERVED_SQL = """
SELECT served.gateway_id, served.workspace_id
  FROM unnest(%(speaking)s::bigint[]) gateway(id), unnest(%(workspaces)s::bigint[]) workspace(id),
       LATERAL (SELECT account.gateway_id, account.workspace_id FROM whatsapp_accounts account
                 WHERE (account.gateway_id, account.workspace_id) >= (gateway.id, workspace.id)
                   AND account.archived_at IS NULL AND account.merged_into_id IS NULL
                 ORDER BY account.gateway_id, account.workspace_id
                 LIMIT 1) served
 WHERE (served.gateway_id, served.workspace_id) = (gateway.id, workspace.id)
"""

Served = frozenset[tuple[int, int]]


def served(gateways: Collection[int], workspaces: Collection[int]) -> Served:
    """Return the pairs (gateway, workspace) of these in which the gateway serves the workspace."""
    if not (gateways and workspaces):
        return frozenset()
    [pairs] = ask(SERVED_SQL, speaking=list(gateways), workspaces=list(workspaces))
    return frozenset((gateway, workspace) for gateway, workspace in pairs)
