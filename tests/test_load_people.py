"""The people of the load test: who they are, which seats they like, how long things took them."""

import random
import re
from collections import Counter
from itertools import islice, takewhile
from statistics import mean, median

from hypothesis import given
from hypothesis import strategies as st

from cli.load import people
from cli.load.histogram import GROWTH, SHORTEST, Histogram
from cli.load.people import Ending, draw_arrivals, draw_person
from cli.load.seats import SeatMap
from settings import PROJECT

MANY = 4_000


def crowd() -> list[people.Person]:
    return [draw_person(7, number, shows=4) for number in range(MANY)]


def test_a_seed_draws_the_same_people_whoever_else_comes() -> None:
    once = [draw_person(1, number, shows=3) for number in range(50)]
    again = [draw_person(1, number, shows=3) for number in reversed(range(50))]
    assert once == again[::-1]
    assert once != [draw_person(2, number, shows=3) for number in range(50)]


def test_people_are_as_they_are_said_to_be() -> None:
    drawn = crowd()
    for size, part in people.PARTIES.items():
        assert abs(sum(one.party == size for one in drawn) / MANY - part) < 0.03
    for ending, part in people.ENDINGS.items():
        assert abs(sum(one.ending is ending for one in drawn) / MANY - part) < 0.03
    assert abs(mean(one.watches for one in drawn) - people.WATCHERS) < 0.03
    assert abs(median(one.decides for one in drawn) / people.DECIDES.median - 1) < 0.1
    assert max(one.decides for one in drawn) <= 10 * people.DECIDES.median
    assert {len(one.picks) for one in drawn} == {*range(1, people.MOST_TRIES + 1)}
    shows = Counter(one.show for one in drawn)
    assert 1.7 < shows[0] / shows[1] < 2.3
    assert {one.ending for one in drawn} == {*Ending}


def test_pace_stretches_all_thinking_and_nothing_else() -> None:
    slow, fast = draw_person(3, 1, 1, pace=1.0), draw_person(3, 1, 1, pace=0.1)
    for before, after in [
        (slow.browses, fast.browses),
        (slow.looks, fast.looks),
        (slow.picks[0], fast.picks[0]),
        (slow.decides, fast.decides),
        (slow.regrets, fast.regrets),
    ]:
        assert abs(after - before / 10) < 1e-9
    assert (slow.party, slow.ending, slow.tastes) == (fast.party, fast.ending, fast.tastes)


def test_arrivals_are_as_many_as_asked_for_and_come_by_chance() -> None:
    times = [*takewhile(lambda at: at < 100, draw_arrivals(5, 20))]
    assert times == sorted(times)
    assert 1_800 < len(times) < 2_200
    seconds = Counter(int(at) for at in times)
    assert max(seconds.values()) > 26  # evenly it would be 20 each
    assert [*islice(draw_arrivals(5, 20), 9)] == times[:9]


def seat_map(*rows: str) -> SeatMap:
    found = SeatMap()
    found.letters = bytearray("".join(rows).encode())
    found.seats_per_row = len(rows[0])
    found.version = 1
    return found


def test_everybody_likes_the_same_seats_best() -> None:
    empty = seat_map(*["A" * 10] * 9)
    assert empty.pick(2, 0.0) == [35, 36]  # the middle of the fourth of nine rows
    liked = Counter(tuple(empty.pick(2, random.Random(n).random())) for n in range(300))
    assert liked[35, 36] > 60
    assert len(liked) > 3


def test_a_party_sits_together_where_it_can_and_else_apart() -> None:
    assert seat_map("PAAP", "APPA").pick(2, 0.9) == [2, 3]
    assert seat_map("PAPP", "APPA").pick(3, 0.5) == [2, 5, 8]
    assert seat_map("PAPP", "CPPA").pick(3, 0.5) == []
    assert seat_map("PPAA", "AAPP").pick(3, 0.0) == [3, 5, 6]  # 4 and 5 are in two rows


def test_updates_are_folded_into_the_map() -> None:
    page = SeatMap()
    seats = [{"number": n, "row": "AB"[n > 2], "status": "AVAILABLE"} for n in (1, 2, 3, 4)]
    page.open(seats, 3)
    assert (page.seats_per_row, page.version, bytes(page.letters)) == (2, 3, b"AAAA")
    change = {"number": 2, "status": "PENDING"}
    page.fold({"snapshot": False, "version": 5, "seats": [change]})
    assert (page.version, bytes(page.letters)) == (5, b"APAA")
    assert page.shows_taken([2])
    assert not page.shows_taken([2, 3])
    other = SeatMap()
    other.fold({"snapshot": True, "version": 5, "seats": [*seats[:1], change, *seats[2:]]})
    assert other.digest() == page.digest()
    page.fold({"snapshot": False, "version": 6, "seats": [{"number": 2, "status": "CONFIRMED"}]})
    assert other.digest() != page.digest()


@given(st.lists(st.floats(SHORTEST, 100), min_size=1), st.floats(0, 100))
def test_histogram_is_right_within_a_bucket(times: list[float], percent: float) -> None:
    half = len(times) // 2
    parts = Histogram(), Histogram()
    for part, some in zip(parts, (times[:half], times[half:]), strict=True):
        for seconds in some:
            part.add(seconds)
    found = Histogram(parts)
    exact = sorted(times)[max(0, -int(-len(times) * percent // 100) - 1)]
    read = found.percentile(percent)
    assert read is not None
    assert exact / 1.0001 <= read <= exact * GROWTH * 1.0001
    assert (found.count, found.most) == (len(times), max(times))


def test_histogram_of_nothing_has_no_percentile() -> None:
    assert Histogram().percentiles([50, 99]) == [None, None]


def test_distribution_falls_to_nothing() -> None:
    found = Histogram()
    for thousandth in range(1, 101):
        found.add(thousandth / 1_000)
    steps = [*found.steps()]
    assert steps == sorted(steps)
    assert steps[-1][1] == 0
    assert abs(next(longer for seconds, longer in steps if seconds >= 0.05) - 0.5) < 0.03


def test_manual_says_of_people_what_they_are() -> None:
    text = (PROJECT / "docs" / "load.md").read_text("utf-8")
    thinking = [people.BROWSES, people.LOOKS, people.PICKS, people.DECIDES, people.REGRETS]
    told = re.findall(r"(\d+) s\b", text.partition("| browse |")[2].partition("Times to think")[0])
    assert told == [f"{time.median:g}" for time in thinking]
    parties, endings = people.PARTIES, people.ENDINGS
    sizes = ", ".join(f"{size} ({100 * parties[size]:.0f} %)" for size in (1, 2, 3, 4))
    assert f"for {sizes}, 5 or 6 ({100 * parties[5]:.0f} % each)" in text
    assert f"{100 * people.AT_ONCE:.0f} % confirmed at once" in text
    confirm, let_go, cancel, both = (f"{100 * part:.0f} %" for part in endings.values())
    assert f"confirm ({confirm}), let the hold expire ({let_go}), cancel ({cancel})" in text
    assert f"cancel 5 s later ({both})" in text
