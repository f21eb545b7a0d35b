"""How large an answer may be: halls are answered in full, whatever is more is refused at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from execution.executor import MAX_VALUES
from execution.run import MAX_ANSWER_BYTES
from tests.crowd import run
from tests.hostile_documents import times
from tests.redis_server import redis_server, redis_url
from tests.serving import Served, serve
from tests.test_bad_input import CREATE
from tests.test_trusted_documents import ask
from tests.tokens import SECRET

SEATS = 100_000
HALL = {"name": "Hall", "startTime": "2031-05-01T19:30:00Z", "totalSeats": SEATS}
EVERY_FIELD = "number row label status __typename"
SEAT_MAP = "query ($id: ID!) { show(id: $id) { seatMap { version seats { @ } } } }"
WATCH = "subscription ($id: ID!) { seatMap(showId: $id) { version seats { @ } } }"


@pytest.fixture(scope="module")
def hall(served: Served) -> str:
    return str(served.data(CREATE, input=HALL)["createShow"]["id"])


@pytest.mark.parametrize("selected", ["number status", EVERY_FIELD])
def test_a_whole_hall_is_answered(served: Served, hall: str, selected: str) -> None:
    seats = served.data(SEAT_MAP.replace("@", selected), id=hall)["show"]["seatMap"]["seats"]
    assert len(seats) == SEATS
    assert seats[-1].keys() == set(selected.split())


TOO_MUCH = {
    "many names": SEAT_MAP.replace("@", times(10, "a#: label")),
    "long names": SEAT_MAP.replace("@", times(3, f"{'a' * 60}#: label")),
    "many maps": "query ($id: ID!) { "
    + times(8, "a#: show(id: $id) { seatMap { seats { number } } }")
    + " }",
    "names in fragments": SEAT_MAP.replace("@", "...F ...G")
    + "fragment F on Seat { "
    + times(4, "a#: row")
    + " } fragment G on Seat { "
    + times(4, "b#: row")
    + " }",
}


@pytest.mark.parametrize("way", ["short way", "long way", "event stream", "WebSocket"])
@pytest.mark.parametrize("what", TOO_MUCH)
@run
async def test_more_is_refused(served: Served, hall: str, what: str, way: str) -> None:
    answer = await ask(served, way, query=TOO_MUCH[what], variables={"id": hall})
    extensions = {"code": "BAD_REQUEST", "limit": {"name": "answerBytes", "max": MAX_ANSWER_BYTES}}
    assert answer["errors"][0]["extensions"] == extensions


@run
async def test_it_is_refused_to_those_who_watch_too(served: Served, hall: str) -> None:
    text = WATCH.replace("@", times(10, "a#: label"))
    answer = await ask(served, "WebSocket", query=text, variables={"id": hall})
    assert answer["errors"][0]["extensions"]["limit"]["name"] == "answerBytes"


@pytest.mark.parametrize("way", ["short way", "long way"])
@run
async def test_what_the_stock_executor_answers_is_bounded_closer(
    served: Served, hall: str, way: str
) -> None:
    text = SEAT_MAP.replace("@", "number").replace(
        "show", "__schema { queryType { name } } show", 1
    )
    answer = await ask(served, way, query=text, variables={"id": hall})
    limit = {"name": "values", "max": MAX_VALUES}
    assert answer["errors"][0]["extensions"] == {"code": "BAD_REQUEST", "limit": limit}


@pytest.fixture(params=["counting by itself", "counting in Redis"])
def strict(
    request: pytest.FixtureRequest, shared_database_url: str, hall: str, tmp_path: Path
) -> Iterator[Served]:
    """A server of the same halls, to which everybody here is one visitor."""
    settings = {"AUTH_SECRET": SECRET, "RATE_LIMIT_READS": "20/day"}
    with ExitStack() as resources:
        if request.param == "counting in Redis":
            resources.enter_context(redis_server(tmp_path))
            settings["REDIS_URL"] = redis_url(tmp_path)
        yield resources.enter_context(serve(shared_database_url, **settings))


LESS = SEAT_MAP.replace("@", "number")
WATCHED = WATCH.replace("@", "number")


@pytest.mark.parametrize(
    ("way", "text"),
    [("short way", LESS), ("long way", LESS), ("WebSocket", WATCHED)],
    ids=["short way", "long way", "WebSocket"],
)
@run
async def test_a_large_answer_is_as_many_reads(
    strict: Served, hall: str, way: str, text: str
) -> None:
    """Of the largest hall each is half of what one may, and the operation itself."""
    told = [await ask(strict, way, query=text, variables={"id": hall}) for _ in range(2)]
    assert "errors" not in told[0]
    [error] = told[1]["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["limit"] == {"name": "reads", "max": 20}
    assert error["path"][-1] == "seats"


@run
async def test_a_usual_answer_is_one_read(strict: Served, served: Served) -> None:
    small = served.data(CREATE, input={**HALL, "totalSeats": 1_000})["createShow"]["id"]
    for _ in range(20):
        answer = await ask(strict, "short way", query=LESS, variables={"id": small})
        assert "errors" not in answer
    assert "errors" in await ask(strict, "short way", query=LESS, variables={"id": small})
