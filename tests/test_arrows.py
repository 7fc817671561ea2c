"""The rooms point one way, one function writes a status, and what only looks writes nothing."""

from __future__ import annotations

import pytest

from tests.arrows import (
    MAY_IMPORT,
    ROOT,
    arrows,
    calls_that_write,
    circles,
    crowded_folders,
    files_with_account_sql,
    imports_of,
    module_cycles,
    names_that_say_nothing,
    status_writers,
    wing_cycles,
    wrong_arrows,
)

# Django's admin saves its own forms and log; the rest goes through the verbs of accounts.
DASHBOARD_WRITES = {
    ("dashboard/admin/confirm/perform.py", "LogEntry.objects.create"),
    ("dashboard/admin/gateway/form.py", "super().save"),
    ("dashboard/people/groups.py", "Group.objects.get_or_create"),
    ("dashboard/people/second_factor.py", "TOTPDevice.objects.get_or_create"),
    ("dashboard/people/second_factor.py", "device.save"),
    ("dashboard/people/second_factor.py", "StaticDevice.objects.create"),
    ("dashboard/people/second_factor.py", "StaticToken.objects.bulk_create"),
    (
        "dashboard/management/commands/second_factor_reset.py",
        "model.objects.filter(user=user).delete",
    ),
}


@pytest.fixture
def house(tmp_path):
    """An empty copy of the house, to build wrongly."""
    for room in MAY_IMPORT:
        (tmp_path / room).mkdir()
        (tmp_path / room / "tasks.py").touch()
    return tmp_path


def test_every_arrow_points_down():
    assert wrong_arrows() == []


def test_the_walk_sees_the_arrows_that_are_there():
    seen = {(arrow.room, arrow.target) for arrow in arrows()}

    assert {("accounts", "gateways"), ("webhooks", "accounts"), ("config", "webhooks")} <= seen


def test_the_leaf_that_anybody_may_name_names_nobody():
    names = {name for path, name in imports_of(ROOT, "config") if path == "config/environment.py"}

    assert [name for name in names if name.split(".")[0] in MAY_IMPORT] == []


def test_everybody_asks_the_one_clock_when_he_looks_at_it():
    """A module that keeps the function keeps whichever clock a test had set when it was loaded."""
    names = [name for room in MAY_IMPORT for _, name in imports_of(ROOT, room)]

    assert "accounts.store.clock" in names
    assert [name for name in names if name.startswith("accounts.store.clock.")] == []


def test_nobody_below_names_the_program_that_starts_it():
    assert [str(arrow) for arrow in arrows() if arrow.target in ("instance", "tests")] == []


@pytest.mark.parametrize(
    ("room", "source", "arrow"),
    [
        ("accounts", "import webhooks.models", "accounts → webhooks"),
        ("accounts", "def f():\n    from dashboard import views", "accounts → dashboard"),
        ("webhooks", "from reconciliation import diff", "webhooks → reconciliation"),
        ("reconciliation", "from webhooks import models", "reconciliation → webhooks"),
        ("gateways", "if TYPE_CHECKING:\n    import accounts", "gateways → accounts"),
        ("accounts", "enqueue_task('reconciliation.tasks.call')", "accounts → reconciliation"),
        ("dashboard", "from tests import cast", "dashboard → tests"),
    ],
)
def test_an_arrow_that_points_up_is_named(house, room, source, arrow):
    (house / room / "wrong.py").write_text(source)

    assert [line.split(": ", 1)[1] for line in wrong_arrows(house)] == [arrow]


def test_gateways_know_no_django():
    names = {name for _, name in imports_of(ROOT, "gateways")}

    assert [name for name in names if name.split(".")[0] in ("django", "rest_framework")] == []


def test_no_module_and_no_wing_imports_in_a_circle():
    assert module_cycles() == []
    assert wing_cycles() == []


def test_a_circle_is_named_also_where_only_types_are_imported(house):
    (house / "accounts" / "one.py").write_text("from accounts import two")
    (house / "accounts" / "two.py").write_text("if TYPE_CHECKING:\n    from accounts import one")

    assert module_cycles(house) == [["accounts.one", "accounts.two"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_no_folder_shows_more_names_than_a_reader_takes_in():
    assert crowded_folders() == []


def test_a_crowded_folder_is_named(house):
    for number in range(17):
        (house / "webhooks" / f"part_{number}.py").touch()

    assert crowded_folders(house) == ["webhooks: 18"]


def test_no_module_has_a_name_that_says_nothing(house):
    (house / "accounts" / "utils.py").touch()

    assert names_that_say_nothing(house) == ["accounts/utils.py"]
    assert names_that_say_nothing() == []


def test_nobody_sets_a_status_but_the_one_writer():
    """Allow one module: all rows of a batch are written in one statement, in
    accounts.state.store_rows; signs of life, probes, and what repair has come to, touch other
    columns of the same table."""
    assert status_writers() == []
    assert files_with_account_sql() == {
        "accounts/state/activity.py",
        "accounts/state/probes.py",
        "accounts/repair/repairs.py",
        "accounts/state/store_rows.py",
        "accounts/state/visibility.py",
    }
    assert (
        "status"
        not in (ROOT / "accounts/state/activity.py")
        .read_text()
        .split("FROM unnest")[0]
        .split("UPDATE")[1]
    )


@pytest.mark.parametrize(
    "source",
    [
        "account.status = 'connected'",
        "Account.objects.filter(pk=1).update(status='connected')",
        "Account.objects.create(status='connected')",
        "Account.objects.update_or_create(pk=1, defaults={'status': 'connected'})",
        "account.save(update_fields=['status'])",
        "Account.objects.bulk_update(rows, fields=['status'])",
        "setattr(account, 'status', 'connected')",
    ],
)
def test_another_writer_of_a_status_is_named(house, source):
    (house / "webhooks" / "wrong.py").write_text(source)

    assert status_writers(house) == [f"webhooks/wrong.py:1: {source}"]


def test_what_people_look_at_writes_nothing_by_itself():
    assert set(calls_that_write(ROOT, "dashboard")) <= DASHBOARD_WRITES


@pytest.mark.parametrize("source", ["account.save()", "run('UPDATE incidents SET count = 1')"])
def test_a_page_that_writes_is_named(house, source):
    (house / "dashboard" / "wrong.py").write_text(source)

    assert [path for path, _ in calls_that_write(house, "dashboard")] == ["dashboard/wrong.py"]
