"""What makes an input wrong: every mistake of it at once."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_SEATS = 100_000
MAX_NAME_LENGTH = 200
MAX_KEY_LENGTH = 255
MIN_HOLD_SECONDS = 5
MAX_HOLD_SECONDS = 86_400
# Of a show that doesn't say.
DEFAULT_SEATS_PER_ROW = 10
DEFAULT_HOLD_SECONDS = 120
# Enough to see what went wrong; a client may send a hundred thousand wrong numbers.
MAX_NUMBERS_NAMED = 10

# Unicode's category Cc: NUL, which PostgreSQL can't store, and what else steers a terminal. And Cs:
# halves of a character. A pattern looks through a mebibyte in a millisecond.
_UNCLEAN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the field's path in the input, and a sentence."""

    field: str
    message: str


def check_show(
    name: str,
    total_seats: int,
    seats_per_row: int,
    hold_seconds: int,
    max_pending_seats: int | None = None,
) -> list[Problem]:
    """Find every mistake of a new show (but for its time, which is read elsewhere)."""
    return [
        *check_text("name", name, MAX_NAME_LENGTH),
        *_check_range("totalSeats", total_seats, 1, MAX_SEATS),
        *_check_range("seatsPerRow", seats_per_row, 1, MAX_SEATS),
        *_check_range("holdSeconds", hold_seconds, MIN_HOLD_SECONDS, MAX_HOLD_SECONDS),
        *(
            ()
            if max_pending_seats is None
            else _check_range("maxPendingSeats", max_pending_seats, 1, MAX_SEATS)
        ),
    ]


def check_booking(
    seat_numbers: Sequence[int] | None,
    seat_count: int | None,
    user_name: str | None,
    idempotency_key: str | None,
    total_seats: int = MAX_SEATS,
) -> list[Problem]:
    """Find every mistake of a booking.

    Args:
        total_seats: how many seats the show has, where that is known already.
    """
    problems = [*_check_seats(seat_numbers, seat_count, total_seats)]
    if user_name is None:
        problems.append(Problem("userName", "Say who the booking is for."))
    elif not _plain(user_name, MAX_NAME_LENGTH):
        problems += check_text("userName", user_name, MAX_NAME_LENGTH)
    if idempotency_key is not None and not _plain(idempotency_key, MAX_KEY_LENGTH):
        problems += check_text("idempotencyKey", idempotency_key, MAX_KEY_LENGTH)
    return problems


def check_text(field: str, text: str, longest: int) -> Iterator[Problem]:
    """Find what is wrong with a text of 1 to `longest` characters."""
    if len(text) > longest:
        yield Problem(field, f"It must have at most {longest} characters, not {len(text)}.")
    elif all(character.isspace() or unicodedata.category(character) == "Cf" for character in text):
        yield Problem(field, "It must not be empty.")
    if not clean(text):
        yield Problem(field, "It must not hold control characters or halves of characters.")


def _plain(text: str, longest: int) -> bool:
    """Whether a text is what nearly everybody sends, with which nothing can be wrong."""
    return text.isascii() and text.isprintable() and 0 < len(text) <= longest and text[0] != " "


def clean(text: str) -> bool:
    """Whether a text can be stored and shown as it is."""
    return not _UNCLEAN.search(text)


def beyond_the_house(numbers: Sequence[int], total_seats: int) -> Problem:
    """Say that a show has no seats with these numbers."""
    return Problem(
        "seatNumbers", f"The seats are numbered 1 to {total_seats}: no {_list(numbers)}."
    )


def _check_seats(
    numbers: Sequence[int] | None, count: int | None, total_seats: int
) -> Iterator[Problem]:
    if (numbers is None) == (count is None):
        yield Problem("seatNumbers", "Give either seatNumbers or seatCount.")
    if count is not None and count < 1:
        yield Problem("seatCount", f"It must be at least 1, not {count}.")
    if numbers is None or _flawless(numbers, total_seats):
        return
    if not numbers:
        yield Problem("seatNumbers", "Name at least one seat.")
    if outside := [n for n in dict.fromkeys(numbers) if not 1 <= n <= total_seats]:
        yield beyond_the_house(outside, total_seats)
    if twice := _repeated(numbers):
        yield Problem("seatNumbers", f"Name each seat once, not {_list(twice)} again.")


def _flawless(numbers: Sequence[int], total_seats: int) -> bool:
    distinct = set(numbers)
    return 0 < len(distinct) == len(numbers) and min(distinct) >= 1 and max(distinct) <= total_seats


def _repeated(numbers: Sequence[int]) -> list[int]:
    seen: set[int] = set()
    # set.add returns None, so this keeps the numbers that were seen before.
    return [*dict.fromkeys(n for n in numbers if n in seen or seen.add(n))]  # type: ignore[func-returns-value]


def _check_range(field: str, value: int, least: int, most: int) -> Iterator[Problem]:
    if not least <= value <= most:
        yield Problem(field, f"It must be {least} to {most}, not {value}.")


def _list(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:MAX_NUMBERS_NAMED]))
    more = len(numbers) - MAX_NUMBERS_NAMED
    return f"{named} and {more} more" if more > 0 else named
