"""Several processes answer as one: whichever is scraped tells of all, and nothing goes back."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from telemetry import board as board_module
from telemetry.board import IN_MEMORY, Board, Numbers
from telemetry.families import add_up
from tests.scraping import PATIENCE, becomes, scrape
from tests.serving import Served, serve
from tests.test_restarts import workers

pytestmark = pytest.mark.any_postgres

ASK = "query Here { shows { edges { cursor } } }"
ENDED = "boxoffice_graphql_operations_total"
PROCESSES = "boxoffice_processes"


@pytest.fixture(scope="module")
def two(shared_database_url: str) -> Iterator[Served]:
    """Two processes behind one socket."""
    with serve(shared_database_url, WEB_CONCURRENCY="2") as server:
        board = board_of(server)
        yield server
    assert not board.exists(), "something is left behind"


def ask_both(server: Served, times: int = 20) -> None:
    """Ask so often, over connections of their own, that both will have served some."""
    for _ in range(times):
        httpx.post(server.url, json={"query": ASK}, verify=False)


def asked(server: Served) -> float:
    return scrape(server).sum(ENDED, operation="Here") or 0


def test_whoever_is_scraped_tells_of_both(two: Served) -> None:
    becomes(two, PROCESSES, lambda found: found == 2)
    before = asked(two)
    ask_both(two)
    becomes(two, ENDED, lambda found: found == before + 20, operation="Here")
    seen = [asked(two) for _ in range(10)]
    assert seen == [before + 20] * 10


def test_nothing_goes_back_when_the_processes_are_replaced(two: Served) -> None:
    ask_both(two)
    becomes(two, ENDED, bool, operation="Here")
    time.sleep(1.1)  # what the other has counted is posted within a second
    before, old = asked(two), set(workers(two))
    seen: list[float] = []
    two.process.send_signal(signal.SIGUSR1)
    while set(workers(two)) & old or len(workers(two)) != 2:
        seen.append(asked(two))
    seen.append(asked(two))
    assert set(seen) == {before}
    becomes(two, PROCESSES, lambda found: found == 2)


def test_nothing_that_was_told_goes_back_when_both_are_killed(two: Served) -> None:
    ask_both(two)
    told = max(asked(two) for _ in range(10))
    for pid in workers(two):
        os.kill(pid, signal.SIGKILL)
    assert asked(two) >= told, "whoever answers is new"
    becomes(two, PROCESSES, lambda found: found == 2)


def test_nothing_is_left_behind_by_a_parent_that_is_killed(database_url: str) -> None:
    with serve(database_url, WEB_CONCURRENCY="2") as server:
        board = board_of(server)
        server.process.kill()
        deadline = time.monotonic() + PATIENCE
        while board.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def board_of(server: Served) -> Path:
    """The directory that a server's processes have posted in."""
    becomes(server, PROCESSES, lambda found: found == 2)
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    [pid, _] = workers(server)
    [posted] = place.glob(f"boxoffice-*/{pid}-*")
    return posted.parent


# The board itself

LIMITED: Numbers = {"boxoffice_limited_total": {("reads",): [3.0]}}
LIVING: Numbers = {PROCESSES: {(): [1.0]}}


def told(board: Board) -> tuple[float, float]:
    """How many were limited, and how many processes live, by all others."""
    parts = board.others()
    limited = add_up(part.get("boxoffice_limited_total", {}) for part in parts)
    living = add_up(part.get(PROCESSES, {}) for part in parts)
    return limited.get(("reads",), [0.0])[0], living.get((), [0.0])[0]


def test_others_see_what_was_posted_last(tmp_path: Path) -> None:
    one, other = Board(tmp_path), Board(tmp_path)
    other.post({**LIVING, "boxoffice_limited_total": {("reads",): [1.0]}})
    other.post({**LIVING, **LIMITED})
    assert told(one) == (3, 1)
    assert told(other) == (0, 0), "what it knows itself it has not from the board"


def test_who_posts_no_more_is_not_among_the_living(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Board(tmp_path), Board(tmp_path)
    other.post({**LIVING, **LIMITED})
    monkeypatch.setattr(board_module, "STALE", -1.0)
    assert told(one) == (3, 0)


def test_who_leaves_is_not_among_the_living(tmp_path: Path) -> None:
    one, other = Board(tmp_path), Board(tmp_path)
    other.leave({**LIVING, **LIMITED})
    assert told(one) == (3, 0)


def test_what_the_dead_have_counted_is_kept_and_their_files_are_not(tmp_path: Path) -> None:
    keeper = Board(tmp_path)
    for _ in range(3):
        Board(tmp_path).post({**LIVING, **LIMITED})
        keeper.fold(os.getpid())
    assert told(keeper) == (9, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["past"]


def test_what_is_folded_while_somebody_reads_is_counted_once(tmp_path: Path) -> None:
    one, other = Board(tmp_path), Board(tmp_path)
    other.post(LIMITED)
    [posted] = tmp_path.iterdir()
    listed = posted.read_bytes()
    one.fold(os.getpid())
    posted.write_bytes(listed)  # as whoever listed it before sees it
    assert told(one) == (3, 0)


def test_a_file_that_nobody_can_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "1-2").write_bytes(b'{"at":')
    (tmp_path / "past").write_bytes(b"")
    board = Board(tmp_path)
    assert told(board) == (0, 0)
    board.fold(1)


def test_without_a_directory_each_tells_of_itself(tmp_path: Path) -> None:
    board = Board(tmp_path / "nothing")
    board.post(LIMITED)
    board.fold(1)
    assert told(board) == (0, 0)


def test_numbers_of_another_version_are_no_part_of_ours() -> None:
    assert add_up([{(): [1.0, 2.0]}, {(): [1.0, 2.0, 3.0]}, {(): [3.0, 4.0]}]) == {(): [4.0, 6.0]}


def test_the_benchs_server_without_metrics_counts_nothing_in_any_process(
    database_url: str,
) -> None:
    with serve(database_url, "bench.unmeasured", WEB_CONCURRENCY="2") as server:
        ask_both(server)
        seen = [scrape(server) for _ in range(10)]
    assert all(not (told.sum(ENDED) or told.sum("boxoffice_sweeps_total")) for told in seen)
