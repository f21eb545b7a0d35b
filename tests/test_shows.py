"""Shows over the API: made, listed page by page, searched, and counted the same everywhere."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import Any

import httpx
import pytest

from tests.serving import Served

SHOW = """
    id name startTime totalSeats availableSeats pendingSeats confirmedSeats holdSeconds
    seatMap { showId version encoded }
"""
CREATE = f"""
    mutation ($input: CreateShowInput!) {{
        createShow(input: $input) {{
            __typename
            ... on Show {{ {SHOW} }}
            ... on InvalidInput {{ message fields {{ field message }} }}
        }}
    }}
"""
SHOWN = f"query ($id: ID!) {{ show(id: $id) {{ {SHOW} }} }}"
SEATS = "query ($id: ID!) { show(id: $id) { seatMap { seats { number row label status } } } }"
LIST = """
    query ($first: Int, $after: String, $search: String, $startsAfter: DateTime) {
        shows(first: $first, after: $after, search: $search, startsAfter: $startsAfter) {
            edges { cursor node { id name startTime } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }
"""
BOOK = """
    mutation ($input: BookSeatsInput!) {
        bookSeats(input: $input) { __typename ... on Booking { id seats { number row label } } }
    }
"""
CANCEL = "mutation ($id: ID!) { cancelBooking(bookingId: $id) { __typename } }"
CONFIRM = "mutation ($id: ID!) { confirmBooking(bookingId: $id) { __typename } }"
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
FIRST_NIGHT = "2031-05-01T19:30:00Z"

_numbers = count(1)


def create(served: Served, **changes: Any) -> dict[str, Any]:
    name = f"Show {next(_numbers)}"
    given = {"name": name, "startTime": FIRST_NIGHT, "totalSeats": 20, **changes}
    created: dict[str, Any] = served.data(CREATE, input=given)["createShow"]
    assert created.pop("__typename") == "Show", created
    return created


def book(served: Served, show_id: str, **changes: Any) -> dict[str, Any]:
    given = {"showId": show_id, "userName": "Ada", **changes}
    booked: dict[str, Any] = served.data(BOOK, input=given)["bookSeats"]
    return booked


def page(served: Served, **variables: Any) -> tuple[list[str], dict[str, Any]]:
    """The names on a page, and where it stands."""
    shows = served.data(LIST, **variables)["shows"]
    edges, info = shows["edges"], shows["pageInfo"]
    cursors = [edge["cursor"] for edge in edges] or [None]
    assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
    return [edge["node"]["name"] for edge in edges], info


def mark() -> str:
    """What only one test's shows have in their names."""
    return f"<{next(_numbers)}>"


def test_show_has_all_its_seats_free_and_the_defaults(served: Served) -> None:
    show = create(served, name="Der Fall", startTime="2031-05-01T21:30:00.25+02:00", totalSeats=3)
    assert show == {
        "id": show["id"],
        "name": "Der Fall",
        "startTime": "2031-05-01T19:30:00.250000Z",
        "totalSeats": 3,
        "availableSeats": 3,
        "pendingSeats": 0,
        "confirmedSeats": 0,
        "holdSeconds": 120,
        "seatMap": {"showId": show["id"], "version": 0, "encoded": "AAA"},
    }
    assert served.data(SHOWN, id=show["id"])["show"] == show


@pytest.mark.parametrize("seconds", [5, 86_400])
def test_hold_may_last_from_five_seconds_to_a_day(served: Served, seconds: int) -> None:
    assert create(served, holdSeconds=seconds)["holdSeconds"] == seconds


@pytest.mark.parametrize(
    ("total", "changes", "labels"),
    [
        (1, {}, {1: "A1"}),
        (25, {}, {1: "A1", 10: "A10", 11: "B1", 20: "B10", 21: "C1", 25: "C5"}),
        (25, {"seatsPerRow": None}, {10: "A10", 11: "B1"}),
        (30, {"seatsPerRow": 1}, {1: "A1", 26: "Z1", 27: "AA1", 30: "AD1"}),
        (703, {"seatsPerRow": 1}, {702: "ZZ1", 703: "AAA1"}),
        (56, {"seatsPerRow": 2}, {52: "Z2", 53: "AA1", 56: "AB2"}),
        (7, {"seatsPerRow": 100_000}, {1: "A1", 7: "A7"}),
    ],
)
def test_rows_have_letters_and_the_last_may_be_short(
    served: Served, total: int, changes: dict[str, Any], labels: dict[int, str]
) -> None:
    show = create(served, totalSeats=total, **changes)
    seats = served.data(SEATS, id=show["id"])["show"]["seatMap"]["seats"]
    assert [seat["number"] for seat in seats] == list(range(1, total + 1))
    assert {seat["status"] for seat in seats} == {"AVAILABLE"}
    assert {number: seats[number - 1]["label"] for number in labels} == labels
    assert all(seat["label"].startswith(seat["row"]) for seat in seats)
    assert len({seat["label"] for seat in seats}) == total


def test_show_may_have_a_hundred_thousand_seats(served: Served) -> None:
    show = create(served, totalSeats=100_000)
    assert show["seatMap"]["encoded"] == "A" * 100_000
    booked = book(served, show["id"], seatNumbers=[100_000, 1])
    labels = {seat["number"]: seat["label"] for seat in booked["seats"]}
    assert labels == {1: "A1", 100_000: "NTP10"}
    encoded = served.data(SHOWN, id=show["id"])["show"]["seatMap"]["encoded"]
    assert encoded == "P" + "A" * 99_998 + "P"


def test_shows_are_listed_by_start_time_and_equal_times_as_they_were_made(served: Served) -> None:
    search = mark()
    for day, name in [(3, "c"), (1, "a"), (2, "b1"), (2, "b2"), (2, "b3")]:
        create(served, name=f"{search}{name}", startTime=f"2031-06-0{day}T20:00:00Z")
    names, _ = page(served, search=search)
    assert [name.removeprefix(search) for name in names] == ["a", "b1", "b2", "b3", "c"]


def test_pages_tell_what_is_around_them(served: Served) -> None:
    search = mark()
    for name in "abcde":
        create(served, name=search + name)
    seen, after = [], None
    for has_more in (True, True, False):
        names, info = page(served, first=2, after=after, search=search)
        assert (info["hasNextPage"], info["hasPreviousPage"]) == (has_more, after is not None)
        seen += [name[-1] for name in names]
        after = info["endCursor"]
    assert seen == list("abcde")
    nothing, info = page(served, first=2, after=after, search=search)
    assert (nothing, info["hasNextPage"], info["endCursor"]) == ([], False, None)
    exactly, info = page(served, first=5, search=search)
    assert (len(exactly), info["hasNextPage"]) == (5, False)


def test_page_has_twenty_shows_unless_told_otherwise_and_at_most_a_hundred(served: Served) -> None:
    search = mark()
    with httpx.Client() as client:
        for _ in range(21):
            given = {"name": search, "startTime": FIRST_NIGHT, "totalSeats": 1}
            client.post(served.url, json={"query": CREATE, "variables": {"input": given}})
    assert (
        len(
            served.data(f'{{ shows(search: "{search}") {{ edges {{ cursor }} }} }}')["shows"][
                "edges"
            ]
        )
        == 20
    )
    for first, expected in [(None, 20), (1, 1), (100, 21)]:
        assert len(page(served, first=first, search=search)[0]) == expected


def test_paging_neither_repeats_nor_misses_while_shows_are_added(served: Served) -> None:
    search = mark()
    days = [1, 2, 2, 2, 3, 4, 4, 5, 6]
    old = [f"{search}old {number}" for number in range(len(days))]
    for name, day in zip(old, days, strict=True):
        create(served, name=name, startTime=f"2031-07-1{day}T20:00:00Z")
    seen: list[str] = []
    after, more = None, True
    while more:
        names, info = page(served, first=2, after=after, search=search)
        seen += names
        after, more = info["endCursor"], info["hasNextPage"]
        if len(seen) < 8:
            for day in (10, 12, 14, 19):  # before the cursor, beside it and behind it
                create(served, name=f"{search}new", startTime=f"2031-07-{day}T20:00:00Z")
    assert [name for name in seen if name in old] == old
    cursors = served.data(LIST, first=100, search=search)["shows"]["edges"]
    assert len({edge["cursor"] for edge in cursors}) == len(cursors)


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("The Tempest", "the tempest"),
        ("The Tempest", "TEMP"),
        ("The Tempest", "e t"),
        ("The Tempest", "t"),
        ("100 % Wolf", "0 %"),
        ("snake_case", "e_c"),
        ("back\\slash", "K\\S"),
        ("O'Hara's \"Night\"", "'s \"n"),
        ("Čarobna Žena", "čarobna žENA"),
        ("ωμέγα", "ΩΜΈ"),
        ("ВИШНЁВЫЙ САД", "вишнёвый"),
        ("千と千尋", "と千"),
        ("🎭 Mask", "🎭 m"),
    ],
)
def test_search_finds_any_part_of_the_name_in_any_case(
    served: Served, name: str, search: str
) -> None:
    show = create(served, name=name)
    found = served.data(LIST, first=100, search=search)["shows"]["edges"]
    assert show["id"] in [edge["node"]["id"] for edge in found]


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("100 points", "1%s"),
        ("Hundred %", "_%"),
        ("abc", "a_c"),
        ("abc", "a%"),
        ("abc", "\\a"),
        ("abc", "a.c"),
        ("abc", "abcd"),
        ("abc", " abc"),
    ],
)
def test_search_takes_every_character_literally(served: Served, name: str, search: str) -> None:
    show = create(served, name=name)
    found = served.data(LIST, first=100, search=search)["shows"]["edges"]
    assert show["id"] not in [edge["node"]["id"] for edge in found]


def test_starts_after_leaves_out_what_starts_then_or_earlier(served: Served) -> None:
    search = mark()
    for hour in (18, 19, 20):
        create(served, name=f"{search}{hour}", startTime=f"2031-08-01T{hour}:00:00Z")
    names, _ = page(served, search=search, startsAfter="2031-08-01T21:00:00+02:00")
    assert names == [f"{search}20"]
    names, _ = page(served, search=search, startsAfter="2031-08-01T18:59:59.999999Z")
    assert names == [f"{search}19", f"{search}20"]
    assert page(served, search=search, startsAfter=None)[0] == page(served, search=search)[0]


def test_node_finds_shows_and_bookings_and_nothing_else(served: Served) -> None:
    show = create(served)
    booking = book(served, show["id"], seatCount=1)
    found = served.data(NODE, id=show["id"])["node"]
    assert found == {"__typename": "Show", "id": show["id"]}
    found = served.data(NODE, id=booking["id"])["node"]
    assert found == {"__typename": "Booking", "id": booking["id"]}
    assert served.data(NODE, id="nothing")["node"] is None


def test_ids_of_one_kind_are_none_of_the_other(served: Served) -> None:
    show = create(served)
    booking = book(served, show["id"], seatCount=1)
    assert served.data(SHOWN, id=booking["id"]) == {"show": None}
    document = "query ($id: ID!) { booking(id: $id) { id } }"
    assert served.data(document, id=show["id"]) == {"booking": None}


def assert_adds_up(show: dict[str, Any]) -> None:
    letters = Counter(show["seatMap"]["encoded"])
    counted = (letters["A"], letters["P"], letters["C"])
    assert counted == (show["availableSeats"], show["pendingSeats"], show["confirmedSeats"])
    assert sum(counted) == show["totalSeats"]


def test_counters_add_up_to_the_seat_map(served: Served) -> None:
    id_ = create(served)["id"]
    book(served, id_, seatNumbers=[1, 2, 3])
    book(served, id_, seatNumbers=[7], confirm=True)
    show = served.data(SHOWN, id=id_)["show"]
    assert show["seatMap"]["encoded"] == "PPPAAAC" + "A" * 13
    assert_adds_up(show)


@contextmanager
def trading(served: list[Served], show_id: str) -> Iterator[None]:
    """Clients who book, confirm and cancel without pause until the block ends."""
    ended = threading.Event()
    mistakes: list[object] = []

    def trade(seed: int) -> None:
        random, url = Random(seed), served[seed % len(served)].url
        with httpx.Client(timeout=30) as client:

            def ask(document: str, **variables: Any) -> dict[str, Any]:
                body = {"query": document, "variables": variables}
                answer: dict[str, Any] = client.post(url, json=body).json()
                if "errors" in answer:
                    mistakes.append(answer)
                    ended.set()
                return answer.get("data") or {}

            while not ended.is_set():
                numbers = random.sample(range(1, 61), random.randint(1, 4))
                given = {"showId": show_id, "seatNumbers": numbers, "userName": "Ada"}
                booked = ask(BOOK, input=given).get("bookSeats") or {}
                if "id" in booked:
                    ask(random.choice([CONFIRM, CANCEL]), id=booked["id"])
                    ask(CANCEL, id=booked["id"])

    threads = [threading.Thread(target=trade, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not mistakes


def test_counters_add_up_at_every_moment_and_a_version_names_one_map(
    two_served: list[Served],
) -> None:
    id_ = create(two_served[0], totalSeats=60)["id"]
    maps: dict[int, str] = {}
    listed = (
        f"query ($search: String) {{ shows(search: $search) {{ edges {{ node {{ {SHOW} }} }} }} }}"
    )
    name = served_name(two_served[0], id_)
    with trading(two_served, id_), httpx.Client(timeout=30) as client:
        for turn in range(150):
            url = two_served[turn % 2].url
            by_id = turn % 4 < 2
            body = {"query": SHOWN, "variables": {"id": id_}}
            if not by_id:
                body = {"query": listed, "variables": {"search": name}}
            data = client.post(url, json=body).json()["data"]
            shows = [data["show"]] if by_id else [e["node"] for e in data["shows"]["edges"]]
            for show in (show for show in shows if show["id"] == id_):
                assert_adds_up(show)
                seat_map = show["seatMap"]
                known = maps.setdefault(seat_map["version"], seat_map["encoded"])
                assert known == seat_map["encoded"]
    assert len(maps) > 20  # there was traffic


def served_name(served: Served, show_id: str) -> str:
    name: str = served.data(SHOWN, id=show_id)["show"]["name"]
    return name
