"""As root, a database lives outside its state directory: what is left when that is gone goes too,
where it is surely ours and surely nobody's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from instance.servers import cluster

OURS = os.getuid()


@pytest.fixture
def clusters(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "clusters"
    place.mkdir()
    monkeypatch.setenv("ROLLCALL_DATA", str(place))
    return place


@pytest.fixture
def a_home(clusters, tmp_path):
    """Makes the home of a database, and its state directory beside it."""

    def make(name: str = "one") -> tuple[Path, Path]:
        state, home = tmp_path / "states" / name, clusters / f"instance-{name}"
        state.mkdir(parents=True)
        (home / cluster.LINK).mkdir(parents=True)
        cluster.note_owner(home, state)
        return home, state

    return make


def test_a_database_goes_with_its_state_directory(a_home):
    home, state = a_home()
    shutil.rmtree(state)

    assert cluster.remove_leftovers({OURS}) == [home]
    assert not home.exists()


def test_one_whose_state_directory_is_there_stays(a_home):
    home, _ = a_home()

    assert cluster.remove_leftovers({OURS}) == []
    assert home.exists()


def test_only_that_of_the_account_that_serves_ours(a_home):
    home, state = a_home()
    shutil.rmtree(state)

    assert cluster.remove_leftovers({OURS + 1}) == []
    assert home.exists()


@pytest.mark.parametrize("note", [None, "", "relative/path"])
def test_what_does_not_say_whose_it_is_stays(a_home, note):
    home, state = a_home()
    shutil.rmtree(state)
    (home / cluster.OWNER_NOTE).unlink()
    if note is not None:
        (home / cluster.OWNER_NOTE).write_text(note)

    assert cluster.remove_leftovers({OURS}) == []


def test_a_disk_that_is_not_mounted_just_now_is_no_directory_that_is_gone(a_home):
    """The state directory's parent is missing, or it is on another disk than before."""
    away, state = a_home("away")
    shutil.rmtree(state.parent)
    elsewhere, state = a_home("elsewhere")
    shutil.rmtree(state)
    (elsewhere / cluster.DISK_NOTE).write_text("4711")
    shutil.rmtree(state.parent)
    assert cluster.remove_leftovers({OURS}) == []
    state.parent.mkdir()
    assert cluster.remove_leftovers({OURS}) == [away]
    assert elsewhere.exists()


def test_one_that_somebody_holds_stays(a_home):
    """The supervisor lives, although its state directory was deleted."""
    home, state = a_home()
    shutil.rmtree(state)
    held = cluster.hold(home)
    try:
        assert cluster.remove_leftovers({OURS}) == []
    finally:
        os.close(held)
    assert cluster.remove_leftovers({OURS}) == [home]


def test_one_that_is_served_stays(a_home):
    home, state = a_home()
    shutil.rmtree(state)
    data = home / cluster.LINK
    words = [
        sys.executable,
        "-c",
        "import sys; print(0, end=str(), flush=True); input()",
        str(data),
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None and server.stdout.read(1) == b"0"  # it runs
        (data / "postmaster.pid").write_text(f"{server.pid}\n")
        assert cluster.remove_leftovers({OURS}) == []
        server.communicate(b"\n")
    assert cluster.remove_leftovers({OURS}) == [home]


def test_a_link_is_not_followed(a_home, clusters, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    cluster.note_owner(precious, tmp_path / "gone")
    (clusters / "instance-link").symlink_to(precious)

    assert cluster.remove_leftovers({OURS}) == []
    assert precious.exists()


def test_it_says_where_the_data_is_and_what_went(tmp_path):
    state, home = tmp_path / "state", tmp_path / "instance-a"
    gone = tmp_path / "instance-b"

    assert cluster.notes(state, state, []) == []
    assert cluster.notes(state, home, [gone]) == [
        f"The servers' data is in {home}: it goes with the next start after {state} is deleted.",
        f"{gone} was removed: its state directory is gone.",
    ]
