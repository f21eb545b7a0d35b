"""Lists of seats that are encoded once, held against the plain way, and how much is kept."""

import orjson
import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st

import schema.types as api
from booking.history import SeatMap
from db.pieces import Pieces
from db.shelf import ENTRY_BYTES, Encodings, Shelf, weight
from resolvers.seats import Seats, seat

ROOMY = 1 << 20


class Reader:
    """Somebody who asks for seats, and how many of them had to be encoded."""

    def __init__(self, capacity: int = ROOMY) -> None:
        self.shelf = Shelf(capacity)
        self.pieces = Pieces(self.shelf)
        self.encoded = 0

    def seats(self, letters: bytes, version: int = 0, seats_per_row: int = 10) -> Seats:
        seat_map = SeatMap(7, version, letters, Encodings(self.shelf))
        return Seats(seat_map, seats_per_row, self.pieces)

    def read(self, seats: Seats, *asked: str) -> list[dict[str, object]]:
        def encode(entry: api.Seat) -> bytes:
            self.encoded += 1
            return orjson.dumps(answer(entry, *asked))

        found: list[dict[str, object]] = orjson.loads(seats.encoded(asked, encode))
        return found


def answer(entry: api.Seat, *asked: str) -> dict[str, object]:
    fields = {
        "number": entry.number,
        "row": entry.row,
        "label": entry.label,
        "status": entry.status.value,
    }
    return {name: fields[name.lstrip("_")] for name in asked}


maps = st.lists(st.sampled_from(b"APC"), max_size=60).map(bytes)
questions = st.lists(st.sampled_from(["number", "row", "label", "status"]), unique=True).map(tuple)
looks = st.tuples(maps, st.integers(1, 12), questions)


@settings(deadline=None, max_examples=60)
@given(st.lists(looks, max_size=12), st.sampled_from([ROOMY, 20_000, 3_000, 1]))
def test_whatever_is_kept_the_list_is_what_it_is_one_by_one(
    asked_for: list[tuple[bytes, int, tuple[str, ...]]], capacity: int
) -> None:
    reader = Reader(capacity)
    for letters, seats_per_row, asked in asked_for:
        seats = reader.seats(letters, seats_per_row=seats_per_row)
        plain = [
            seat(number, letter, seats_per_row) for number, letter in enumerate(letters, start=1)
        ]
        assert list(seats) == plain
        for _ in range(2):
            assert reader.read(seats, *asked) == [answer(entry, *asked) for entry in plain]
        assert reader.shelf.size <= capacity


def test_a_list_is_encoded_once_for_a_version_and_a_seat_once_for_all() -> None:
    reader = Reader()
    first = reader.seats(b"AAA")
    for _ in range(3):
        reader.read(first, "number", "status")
    assert reader.encoded == 3
    reader.read(reader.seats(b"APA", version=1), "number", "status")
    assert reader.encoded == 4
    reader.read(reader.seats(b"CPAA"), "number", "status")
    assert reader.encoded == 6
    reader.read(first, "status", "number")
    assert reader.encoded == 9


def test_what_cannot_be_encoded_is_told_and_not_kept() -> None:
    reader = Reader()
    seats = reader.seats(b"AAP")

    def refuse(entry: api.Seat) -> bytes:
        if entry.status is api.SeatStatus.PENDING:
            raise ValueError("no")
        return b"{}"

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            seats.encoded("asked", refuse)
    assert seats.encoded("asked", lambda entry: b"{}") == b"[{},{},{}]"


def test_it_is_a_sequence_to_whoever_looks_at_its_seats() -> None:
    seats = Reader().seats(b"APC", seats_per_row=2)
    assert (len(seats), seats[0].label, seats[-1].label) == (3, "A1", "B1")
    assert [entry.status.value[0] for entry in seats[1:]] == ["P", "C"]
    assert seats[1] in seats
    with pytest.raises(IndexError):
        seats[3]


def test_the_stock_executor_reads_it() -> None:
    @strawberry.type
    class Query:
        @strawberry.field(graphql_type=list[api.Seat])  # type: ignore[untyped-decorator]
        def seats(self) -> Seats:
            return Reader().seats(b"AP")

    result = strawberry.Schema(query=Query).execute_sync("{ seats { label status } }")
    assert result.errors is None
    assert result.data == {
        "seats": [
            {"label": "A1", "status": "AVAILABLE"},
            {"label": "A2", "status": "PENDING"},
        ]
    }


def test_a_client_who_asks_for_ever_more_takes_no_more_room() -> None:
    reader = Reader(100_000)
    known = reader.seats(b"A" * 50)
    for number in range(300):
        asked = f"{'_' * number}number"
        reader.read(known, asked)
        reader.read(reader.seats(b"A" * 50, seats_per_row=number + 1), asked)
        assert reader.shelf.size <= 100_000
    kept = reader.pieces._tables
    assert sum(table.size + ENTRY_BYTES for table in kept.values()) <= 100_000
    assert len(kept) < 20


def test_who_was_not_asked_for_the_longest_goes_first() -> None:
    shelf = Shelf(5 * (ENTRY_BYTES + 200))
    forms = Encodings(shelf)
    for name in "abcd":
        forms[name] = b"x"
    assert forms.use("a") == b"x"
    forms["e"] = b"x" * 1_000
    assert "b" not in forms
    assert forms.use("a") == b"x"


def test_what_would_push_out_all_else_is_not_kept() -> None:
    shelf = Shelf(20_000)
    forms = Encodings(shelf)
    forms["small"] = b"x"
    forms["large"] = b"x" * 15_000
    forms["named at length" * 1_000] = b"x"
    assert list(forms) == ["small"]


def test_what_is_forgotten_gives_its_room_back() -> None:
    shelf = Shelf(ROOMY)
    forms = Encodings(shelf)
    for number in range(10):
        forms[number, "x"] = b"x" * 100
        forms[0, "again"] = b"x" * number
    assert shelf.size > 10 * 100
    forms.clear()
    assert shelf.size == 0


def test_a_key_weighs_what_is_named_in_it() -> None:
    alias = "x" * 10_000
    assert weight(((alias, "number"), frozenset([("y", "status")]))) > 10_000
