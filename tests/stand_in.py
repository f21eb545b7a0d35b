"""An office without a database: its rows and what becomes of its commands follow from a number."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import UUID

from openfeature.api import get_client

from access.caller import EVERYBODY
from booking import commands
from booking.decision import Change
from booking.model import Booking, BookingStatus, FailureReason, SeatStatus, Show
from booking.replay import Difference
from db.audit import Report
from db.auditor import Auditor
from db.desk import Answer, Desk
from db.errors import Unavailable
from db.expiry import Expiry
from db.flag_watch import FlagWatch
from db.pool import Database, Row
from db.records import show_from
from db.seat_maps import SeatMaps
from db.statements import statements
from flags.flag import Flag, FlagChange, State
from flags.provider import FlagProvider
from flags.seat_choice import SeatChoice
from resolvers.office import Office
from schema import ids

NAMES = {text: name for name, text in statements.items()}
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SHOWS = (1, 2, 3)
VERSION = 3
BOOKINGS = tuple(UUID(int=number) for number in range(1, 5))

KNOWN_IDS = (
    *(ids.show_id(key) for key in (*SHOWS, 4)),
    *(ids.booking_id(show_id, id_) for show_id in SHOWS for id_ in BOOKINGS),
)
CURSORS = (ids.show_cursor(NOON, 1), ids.booking_cursor(NOON, 1, BOOKINGS[0]))


class StandIn(Database):
    """The parts of an office. Equal numbers make equal offices, whatever the order of questions."""

    def __init__(self, seed: int, faults: float) -> None:
        self._gatherings = {}  # all of a database that is kept: nothing connects
        self._seed = seed
        self._faults = faults
        self.done: list[Any] = []
        self._ticks = 0
        self.seat_maps = SeatMaps(self)
        office = Office(
            self,
            cast(Desk, self),
            self.seat_maps,
            cast(Expiry, self),
            cast(Auditor, self),
            20,
            cast(FlagWatch, StandInFlags(self)),
            SeatChoice(get_client(), FlagProvider()),
        )
        self.context: dict[str, Any] = {
            "office": office,
            "caller": EVERYBODY,
            "done": self.done,
            "self": self,
        }

    def _random(self, *what: Any) -> Random:
        return Random(repr((self._seed, what)))

    def _fails(self, *what: Any) -> bool:
        return self._random("fails", *what).random() < self._faults

    async def fetch(
        self, statement: str, params: Mapping[str, Any], prepare: bool | None = None
    ) -> list[Row]:
        """Answer a statement by its name."""
        name = NAMES[statement]
        # All of a kind or none: who looks up at the same moment may share a statement.
        if self._fails(name):
            raise Unavailable
        read: Callable[[Mapping[str, Any]], list[Row]] = getattr(self, name)
        return read(params)

    async def write(self, statement: str, params: Mapping[str, Any]) -> list[Row]:
        """The same: `create_show`."""
        self.done.append((NAMES[statement], dict(params)))
        return await self.fetch(statement, params)

    def next_show_id(self, params: Mapping[str, Any]) -> list[Row]:
        return [(9,)]

    def create_show(self, params: Mapping[str, Any]) -> list[Row]:
        return [(9, params["name"], params["start_time"], params["total_seats"], 5, 60, 0, 0, 0)]

    def read_shows(self, params: Mapping[str, Any]) -> list[Row]:
        return [self.show(key) for key in params["ids"] if key in SHOWS]

    def list_shows(self, params: Mapping[str, Any]) -> list[Row]:
        return [self.show(key) for key in SHOWS][: params["size"]]

    def read_versions(self, params: Mapping[str, Any]) -> list[Row]:
        return [(key, VERSION) for key in params["ids"] if key in SHOWS]

    def read_map(self, params: Mapping[str, Any]) -> list[Row]:
        return [(VERSION, 12, [2], [3, 4])]

    def read_changes(self, params: Mapping[str, Any]) -> list[Row]:
        steps = range(params["after"] + 1, params["upto"] + 1)
        return [(version, [version], "P", "A") for version in steps]

    def read_bookings(self, params: Mapping[str, Any]) -> list[Row]:
        pairs = zip(params["show_ids"], params["ids"], strict=True)
        return [
            (NOON, *self.booking(show_id, id_), *self.show(show_id))
            for show_id, id_ in pairs
            if id_ in BOOKINGS[:3] and show_id in SHOWS
        ]

    def list_bookings(self, params: Mapping[str, Any]) -> list[Row]:
        rows: list[Row] = [(NOON, *self.booking(1, id_), *self.show(1)) for id_ in BOOKINGS]
        return rows[: params["size"]]

    def show(self, key: int) -> Row:
        """A show's columns, one of which may be what it never should be."""
        row: list[Any] = [key, f"Show {key}", NOON, 12, 5, 60, VERSION, 1, 2]
        if self._fails("show", key):
            at, value = self._random("column", key).choice(
                [(1, None), (2, "soon"), (2, None), (5, 2**40), (1, ValueError("no name"))]
            )
            row[at] = value
        return row

    def booking(self, show_id: int, id_: UUID) -> Row:
        """A booking's columns: one step further at every tick."""
        steps = [("PENDING", None), ("CONFIRMED", None), ("FAILED", "CANCELLED")]
        begin = self._random("begin", show_id, id_).randrange(3)
        status, reason = steps[min(begin + self._ticks, 2)]
        name = None if self._fails("booking", id_) else "Ada"
        later = NOON + timedelta(minutes=1)
        return [show_id, id_, name, status, reason, [2, 3], NOON, later, None, None, None]

    async def submit(self, command: commands.Command) -> Answer:
        """Answer a command as the number says, with any outcome that its result has."""
        asked = [getattr(command, name) for name in command.__slots__ if name != "booking_id"]
        self.done.append((type(command).__name__, asked))
        random = self._random("submit", *asked)
        if self._fails("submit", asked):
            raise random.choice([Unavailable(), RuntimeError("a bug")])
        show = show_from(self.show(1 + command.show_id % 3))
        return Answer(random.choice(self._outcomes(show)), random.choice([show, show, show, None]))

    def _outcomes(self, show: Show) -> Sequence[commands.Outcome]:
        pending = Booking(
            show.id, BOOKINGS[0], "Ada", BookingStatus.PENDING, None, (1, 2), NOON, NOON
        )
        failed = pending.failed(FailureReason.SEATS_UNAVAILABLE)
        return [
            commands.Done(pending),
            commands.Done(pending.confirmed(NOON)),
            commands.SeatsUnavailable(failed, (1,), 3),
            commands.SeatsUnavailable(failed, (), 0, again=True),
            commands.HoldExpired(failed, NOON),
            commands.BookingNotActive(failed),
            commands.KeyReused(pending),
            commands.NoSuchSeats((99,)),
            commands.NotFound(),
        ]

    async def run(self) -> commands.Expired:
        """The expiry's."""
        self.done.append("run")
        if self._fails("run"):
            raise Unavailable
        return commands.Expired(1, 2)

    async def audit(self, show_id: int | None, after: int | None) -> Report:
        """The auditor's."""
        if self._fails("audit"):
            raise Unavailable
        if show_id not in (None, *SHOWS):
            return Report(complete=True)
        found = [Difference(1, None, "wrong"), Difference(2, 3, "wrong, too")]
        return Report(3, 4, 2, found, None if after else 3, complete=not after)

    def tick(self) -> None:
        """Let every show's map make a step, and every booking."""
        self._ticks += 1
        for key, history in list(self.seat_maps._histories.items()):
            version = history.version + 1
            show = Show(key, "Show", NOON, 12, 5, 60, version, 1, 2)
            number = version % 12 + 1
            changed = {number: SeatStatus.PENDING, 2: SeatStatus.CONFIRMED}
            self.seat_maps.apply([Change(show, changed, {})])


class StandInFlags:
    """The flags of a stand-in: three, of which one has what no flag should have."""

    def __init__(self, house: StandIn) -> None:
        self._house = house

    async def ready(self) -> FlagProvider:
        provider = FlagProvider()
        provider.take(1, await self.read())
        return provider

    async def read(self) -> list[Flag]:
        self._fail("flags")
        odd = float("inf") if self._house._fails("odd flag") else {"a": [1, None]}
        return [
            Flag("seat-choice", "best", 50.0, NOON, "user:ada"),
            Flag("object", odd, 100.0, NOON, "user:ada"),
            Flag("number", 1.5, 0.0, NOON, "key:1"),
        ]

    async def list_changes(self, size: int, key: str | None, before: int) -> list[FlagChange]:
        self._fail("changes", key, before)
        states = State([True], 1.5), State("best", 50.0)
        return [
            FlagChange(3, "seat-choice", states[0], states[1], NOON, "user:ada"),
            FlagChange(2, "seat-choice", None, states[0], NOON, "user:ada"),
            FlagChange(1, "old", states[1], None, NOON, "key:1"),
        ][:size]

    async def set(self, key: str, value: Any, percentage: float, changed_by: str) -> Flag:
        self._fail("set", key, value)
        self._house.done.append(("set", key, repr(value), percentage))
        return Flag(key, value, percentage, NOON, changed_by)

    async def delete(self, key: str, changed_by: str) -> Flag | None:
        self._fail("delete", key)
        self._house.done.append(("delete", key))
        return (await self.read())[0] if key == "seat-choice" else None

    def _fail(self, *what: Any) -> None:
        if self._house._fails(*what):
            raise Unavailable
