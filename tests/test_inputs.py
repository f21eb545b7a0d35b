"""What is wrong with an input: every mistake at once, and none where there is none."""

from collections.abc import Sequence

import pytest

from booking.inputs import Problem, beyond_the_house, check_booking, check_show, check_text, clean

LONE_HALF = "\ud83d"  # the first half of a surrogate pair


def fields(problems: Sequence[Problem]) -> list[str]:
    return [problem.field for problem in problems]


@pytest.mark.parametrize(
    ("name", "total_seats", "seats_per_row", "hold_seconds"),
    [
        ("Metropolis", 100, 10, 120),
        ("M", 1, 1, 5),
        ("M" * 200, 100_000, 100_000, 86_400),
        ("Ménilmontant, 3e étage \N{CLAPPER BOARD}", 1, 100_000, 120),
    ],
)
def test_a_right_show_has_no_problems(
    name: str, total_seats: int, seats_per_row: int, hold_seconds: int
) -> None:
    assert check_show(name, total_seats, seats_per_row, hold_seconds) == []


@pytest.mark.parametrize(
    ("name", "total_seats", "seats_per_row", "hold_seconds", "wrong"),
    [
        ("", 100, 10, 120, ["name"]),
        (" \t", 100, 10, 120, ["name", "name"]),
        ("M" * 201, 100, 10, 120, ["name"]),
        ("a\0b", 100, 10, 120, ["name"]),
        ("M", 0, 10, 120, ["totalSeats"]),
        ("M", -1, 10, 120, ["totalSeats"]),
        ("M", 100_001, 10, 120, ["totalSeats"]),
        ("M", 100, 0, 120, ["seatsPerRow"]),
        ("M", 100, 100_001, 120, ["seatsPerRow"]),
        ("M", 100, 10, 4, ["holdSeconds"]),
        ("M", 100, 10, 86_401, ["holdSeconds"]),
        ("", 0, 0, 0, ["name", "totalSeats", "seatsPerRow", "holdSeconds"]),
    ],
)
def test_every_mistake_of_a_show_is_told(
    name: str, total_seats: int, seats_per_row: int, hold_seconds: int, wrong: list[str]
) -> None:
    assert fields(check_show(name, total_seats, seats_per_row, hold_seconds)) == wrong


@pytest.mark.parametrize(
    ("seat_numbers", "seat_count", "user_name", "idempotency_key"),
    [
        ([1], None, "Ada", None),
        ([3, 1, 2], None, "Ada", "key"),
        ([1, 100_000], None, "A" * 200, "k" * 255),
        (None, 1, "Ada", None),
        (None, 2**31 - 1, "Ada", None),
    ],
)
def test_a_right_booking_has_no_problems(
    seat_numbers: list[int] | None,
    seat_count: int | None,
    user_name: str,
    idempotency_key: str | None,
) -> None:
    assert check_booking(seat_numbers, seat_count, user_name, idempotency_key) == []


@pytest.mark.parametrize(
    ("seat_numbers", "seat_count", "user_name", "idempotency_key", "wrong"),
    [
        (None, None, "Ada", None, ["seatNumbers"]),
        ([1], 1, "Ada", None, ["seatNumbers"]),
        ([], None, "Ada", None, ["seatNumbers"]),
        ([], 0, "Ada", None, ["seatNumbers", "seatCount", "seatNumbers"]),
        ([0], None, "Ada", None, ["seatNumbers"]),
        ([-1], None, "Ada", None, ["seatNumbers"]),
        ([11], None, "Ada", None, ["seatNumbers"]),
        ([2, 2], None, "Ada", None, ["seatNumbers"]),
        ([11, 11], None, "Ada", None, ["seatNumbers", "seatNumbers"]),
        (None, 0, "Ada", None, ["seatCount"]),
        (None, -5, "Ada", None, ["seatCount"]),
        ([1], None, None, None, ["userName"]),
        ([1], None, "", None, ["userName"]),
        ([1], None, "A" * 201, None, ["userName"]),
        ([1], None, "A\nB", None, ["userName"]),
        ([1], None, LONE_HALF, None, ["userName"]),
        ([1], None, "Ada", "", ["idempotencyKey"]),
        ([1], None, "Ada", " ", ["idempotencyKey"]),
        ([1], None, "Ada", "k" * 256, ["idempotencyKey"]),
        ([1], None, "Ada", "\0", ["idempotencyKey"]),
        (
            [0, 0],
            0,
            " " * 201 + "\0",
            "\0" * 256,
            [
                "seatNumbers",
                "seatCount",
                "seatNumbers",
                "seatNumbers",
                "userName",
                "userName",
                "idempotencyKey",
                "idempotencyKey",
            ],
        ),
    ],
)
def test_every_mistake_of_a_booking_is_told(
    seat_numbers: list[int] | None,
    seat_count: int | None,
    user_name: str | None,
    idempotency_key: str | None,
    wrong: list[str],
) -> None:
    problems = check_booking(seat_numbers, seat_count, user_name, idempotency_key, total_seats=10)
    assert fields(problems) == wrong


def test_of_a_show_not_known_yet_only_what_no_show_has_is_wrong() -> None:
    assert check_booking([100_000], None, "Ada", None) == []
    assert fields(check_booking([100_001], None, "Ada", None)) == ["seatNumbers"]


def test_numbers_that_are_wrong_are_named_once() -> None:
    outside, twice = check_booking([0, 12, 3, 12, 3, 3], None, "Ada", None, total_seats=10)
    assert outside.message == "The seats are numbered 1 to 10: no 0, 12."
    assert twice.message == "Name each seat once, not 12, 3 again."


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (10, "11, 12, 13, 14, 15, 16, 17, 18, 19, 20"),
        (11, "11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 1 more"),
        (100_000, "11, 12, 13, 14, 15, 16, 17, 18, 19, 20 and 99990 more"),
    ],
)
def test_a_long_list_of_wrong_numbers_is_cut(count: int, named: str) -> None:
    problem = beyond_the_house(range(11, 11 + count), 10)
    assert problem == Problem("seatNumbers", f"The seats are numbered 1 to 10: no {named}.")


def test_a_text_that_is_too_long_is_counted() -> None:
    (problem,) = check_text("name", "é" * 201, 200)
    assert problem == Problem("name", "It must have at most 200 characters, not 201.")


@pytest.mark.parametrize("text", ["", " ", "Ada", "Zoë", "李", "\N{CLAPPER BOARD}", "\u200d", "—"])
def test_what_can_be_stored_and_shown_is_clean(text: str) -> None:
    assert clean(text)


@pytest.mark.parametrize("text", ["\0", "a\nb", "\t", "\x1b[2J", "\x7f", "\x85", LONE_HALF])
def test_control_characters_and_halves_of_characters_are_not_clean(text: str) -> None:
    assert not clean(text)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u200d \u00a0"])
def test_text_that_shows_nothing_is_empty(text: str) -> None:
    assert [problem.message for problem in check_text("name", text, 200)] == [
        "It must not be empty."
    ]
