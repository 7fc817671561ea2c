"""What a page costs does not depend on how much it shows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Transition
from accounts.words.status import Source, Status
from reconciliation.models import Finding, Run
from tests.cast import a_gateway
from tests.dashboard.conftest import a_visitor
from tests.dashboard.pages import ACCOUNTS, page_of
from webhooks.models import Delivery

MOST = 17  # the bell of every page is one, and whether home knows a channel another
PAGES = [
    "/admin/",
    ACCOUNTS,
    *(f"{ACCOUNTS}?{query}" for query in ("group=human", "status=unknown", "hidden=all", "q=628")),
    *(
        f"{ACCOUNTS}?{query}"
        for query in ("o=-5", "gateway__id__exact=1", "workspace__id__exact=1")
    ),
    "/admin/accounts/gateway/",
    "/admin/accounts/incident/",
    "/admin/accounts/transition/",
    "/admin/accounts/transition/?q=628",
    "/admin/accounts/supersededsession/",
    "/admin/accounts/workspace/",
    "/admin/webhooks/delivery/",
    "/admin/webhooks/delivery/?q=628&state=applied",
    "/admin/reconciliation/run/",
    "/admin/reconciliation/finding/",
    "/admin/reconciliation/finding/?q=628&ended_at=no",
    "/admin/auth/user/",
]


def a_fleet(cast):
    """Twenty of everything, on as many gateways."""
    for number in range(20):
        gateway = a_gateway(f"g{number}")
        account = cast.an_account(f"s{number}", Status.CONNECTED, gateway=gateway)
        about = {"account": account, "session_id": f"s{number}"}
        Delivery.objects.create(gateway=gateway, event="e", received_at=cast.now, **about)
        seen = {"first_seen_at": cast.now, "last_seen_at": cast.now}
        Finding.objects.create(gateway=gateway, kind="missing", **about, **seen)
        Run.objects.create(
            gateway=gateway, started_at=cast.now, finished_at=cast.now, outcome="in_sync"
        )
        moved = {"from_status": Status.CONNECTED, "to_status": Status.DISCONNECTED}
        Transition.objects.create(**about, **moved, source=Source.LIST, observed_at=cast.now)


def queries(client, path):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200, path
    return len(captured)


@pytest.mark.parametrize("who", ["administrator", "operator"])
def test_no_list_asks_the_database_more_than_seventeen_times(cast, who):
    """Permissions of an operator cost two more than those of who may everything."""
    a_fleet(cast)
    client = a_visitor(who, is_superuser=who == "administrator")
    User.objects.get().user_permissions.set(Permission.objects.all())
    costs = {path: queries(client, path) for path in PAGES}
    assert {path: cost for path, cost in costs.items() if cost > MOST} == {}


def test_the_page_of_an_account_costs_the_same_however_much_happened(admin, cast):
    before = [queries(admin, page_of(cast.alice)) for _ in range(2)][-1]
    for number in range(150):
        about = {"gateway": cast.gateway, "account": cast.alice}
        Delivery.objects.create(event=f"e{number}", received_at=cast.ago(number), **about)
    assert queries(admin, page_of(cast.alice)) <= before <= 23
