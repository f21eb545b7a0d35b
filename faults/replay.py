"""A show's log of changes, played again: who had which seat from when to when, as it tells."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from faults.ledger import Booking, Change, Ledger, Micros, Show


@dataclass(slots=True)
class Tenure:
    """When a booking took its seats, was confirmed and let go of them, by the log."""

    began_at: Micros | None = None
    confirmed_at: Micros | None = None
    ended_at: Micros | None = None


NEVER = Tenure()


@dataclass(frozen=True, slots=True)
class Step:
    """A change in numbers: seats free before and after it, given away and given back in it."""

    at: Micros
    before: int
    after: int
    booked: int
    released: int


@dataclass(slots=True)
class Replay:
    """What the log of a show comes to.

    Attributes:
        letters: the map at the end.
        owners: the booking that has each taken seat at the end.
        oddities: what can't have been.
    """

    show: Show
    letters: bytearray
    owners: dict[int, Booking] = field(default_factory=dict)
    tenures: dict[str, Tenure] = field(default_factory=lambda: defaultdict(Tenure))
    steps: list[Step] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)

    def tenure(self, booking: Booking) -> Tenure:
        """When the log has the booking; never, where it doesn't know it."""
        return self.tenures.get(booking.id, NEVER)


def replay_show(ledger: Ledger, show: Show) -> Replay:
    """Play a show's log from the first step to the last."""
    player = _Player(ledger, show)
    for change in ledger.changes[show.id]:
        player.play(change)
    player.close()
    return player.replay


class _Player:
    """The replay while it is under way.

    Within a change only the first and the last state of a seat are told. A seat may go from one
    booking to another in it (the one cancelled or lapsed, the other made), so that C -> P is odd
    only where nobody came or nobody went.
    """

    def __init__(self, ledger: Ledger, show: Show) -> None:
        self.replay = Replay(show, bytearray(b"A" * show.total_seats))
        self.bookings = [b for b in ledger.of_show[show.id] if not b.refused]
        self.born: dict[Micros, list[Booking]] = defaultdict(list)
        for booking in self.bookings:
            self.born[booking.created_at].append(booking)
        self.known = ledger.bookings
        self.free = show.total_seats
        self.came: Counter[str] = Counter()  # seats that bookings got in this change
        self.went: Counter[str] = Counter()  # and those that they let go of

    def play(self, change: Change) -> None:
        comers = self._comers(change)
        self.came.clear()
        self.went.clear()
        for number, became, was in zip(
            change.numbers, change.statuses, change.previous, strict=True
        ):
            if not 1 <= number <= self.replay.show.total_seats:
                self._odd(change, number, "there is no such seat")
                continue
            if self.replay.letters[number - 1] != ord(was):
                now = chr(self.replay.letters[number - 1])
                self._odd(change, number, f"it is said to have been {was} and was {now}")
            self._hand_over(change, number, became, comers.get(number))
            self.replay.letters[number - 1] = ord(became)
        self._count(change)

    def close(self) -> None:
        """Look for what should have been told and was not."""
        for booking in self.bookings:
            tenure = self.replay.tenure(booking)
            if tenure.began_at is None:
                self._note(f"booking {booking.id} took no seats")
            # Confirmed and cancelled in one batch, a hold goes from P to A.
            told_at = tenure.confirmed_at or tenure.ended_at
            if booking.confirmed_later and told_at != booking.confirmed_at:
                self._note(f"booking {booking.id} was not confirmed when the database says")
            if (tenure.ended_at is None) != booking.active:
                self._note(f"booking {booking.id} is {booking.status}, against the log")

    def _comers(self, change: Change) -> dict[int, Booking]:
        """The bookings made in this change, by seat."""
        comers: dict[int, Booking] = {}
        for booking in self.born.get(change.at, ()):
            for number in booking.seats:
                if number in comers:
                    self._odd(change, number, "two bookings got it at once")
                comers[number] = booking
        return comers

    def _hand_over(self, change: Change, number: int, became: str, comer: Booking | None) -> None:
        owner = self.replay.owners.get(number)
        if comer is None and became == "C":
            self._confirm(change, number, owner)
            return
        if comer is None and became == "P":
            self._odd(change, number, "it is held by no booking that was made then")
            return
        if comer is None and owner is None:
            self._odd(change, number, "it was freed and nobody had it")
        if owner is not None:
            self._end(change, number, owner)
            self.went[owner.id] += 1
            del self.replay.owners[number]
        if comer is not None:
            if became != ("P" if comer.expires_at else "C"):
                self._odd(change, number, f"it became {became} by booking {comer.id}")
            self.replay.owners[number] = comer
            self.replay.tenures[comer.id].began_at = change.at
            self.came[comer.id] += 1

    def _confirm(self, change: Change, number: int, owner: Booking | None) -> None:
        if owner is None or owner.confirmed_at != change.at:
            self._odd(change, number, "it is confirmed for no booking that was confirmed then")
            return
        if self.replay.letters[number - 1] != ord("P"):
            self._odd(change, number, "it was confirmed without a hold")
        self.replay.tenures[owner.id].confirmed_at = change.at

    def _end(self, change: Change, number: int, owner: Booking) -> None:
        self.replay.tenures[owner.id].ended_at = change.at
        if owner.active:
            self._odd(change, number, f"booking {owner.id} lost it and is {owner.status}")

    def _count(self, change: Change) -> None:
        for booking in self.born.get(change.at, ()):
            if self.came[booking.id] != len(booking.seats):
                self._note(f"version {change.version}: booking {booking.id} took but some seats")
        for id_, seats in self.went.items():
            if seats != len(self.known[id_].seats):
                self._note(f"version {change.version}: booking {id_} let go of but some seats")
        after = self.replay.letters.count(b"A")
        step = Step(change.at, self.free, after, self.came.total(), self.went.total())
        self.replay.steps.append(step)
        self.free = after

    def _odd(self, change: Change, number: int, what: str) -> None:
        self._note(f"version {change.version}, seat {number}: {what}")

    def _note(self, what: str) -> None:
        self.replay.oddities.append(f"show {self.replay.show.id}, {what}")


def replay_all(ledger: Ledger) -> dict[str, Replay]:
    """Play every show's log."""
    return {id_: replay_show(ledger, show) for id_, show in ledger.shows.items()}


def letters_by_version(ledger: Ledger, show: Show) -> Iterator[tuple[int, bytearray]]:
    """Yield the map at each version, from 0 on: one and the same, changed in place."""
    letters = bytearray(b"A" * show.total_seats)
    yield 0, letters
    for change in ledger.changes[show.id]:
        for number, letter in zip(change.numbers, change.statuses, strict=True):
            if 1 <= number <= len(letters):
                letters[number - 1] = ord(letter)
        yield change.version, letters
