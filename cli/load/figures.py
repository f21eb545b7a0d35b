"""What is measured while the people come and go: by operation and by second."""

import time
from collections import Counter, defaultdict

from cli.load.answers import Answer
from cli.load.histogram import Histogram

# Of these the answers are about a booking: whatever isn't one is a refusal.
BOOKINGS = frozenset({"book", "confirm", "cancel"})
# From the answer to a booking until one's own live map shows its seats.
MAP_DELAY = "own seats on the map"
RECENTLY = 5
# In the order in which a visit asks for them.
ORDER = ("browse", "open", "watch", "book", MAP_DELAY, "confirm", "cancel")

Windows = dict[int, Histogram]


class Figures:
    """All measurements of one run; times in seconds.

    Attributes:
        requests: of each operation the times of its requests, by the second in which they ended.
        waits: of each operation how long people waited, with all that was asked again.
        outcomes: what came of requests, by operation and outcome.
        refusals: answers of the box office that are not the booking.
        errors: requests that got no answer, or one that says that nothing could be done.
        given_up: operations that nobody would ask again, by name.
        visits: how those ended who have left.
        turned_away: people who came while there were as many inside as the plan has.
        left_out: people who were due before the end, and whom we were too slow to let in.
        stages: how many people are where.
        inside: the same in all, by second.
        updates: of live maps, by second.
        lag: how much later than they should our own timers came: the crowd's own slowness.
    """

    def __init__(self) -> None:
        self.began_at = time.monotonic()
        self.requests: dict[str, Windows] = {name: defaultdict(Histogram) for name in ORDER}
        self.waits: dict[str, Histogram] = defaultdict(Histogram)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.refusals = self.errors = 0
        self.given_up: Counter[str] = Counter()
        self.visits: Counter[str] = Counter()
        self.turned_away = self.left_out = 0
        self.stages: Counter[str] = Counter()
        self.inside: dict[int, int] = {}
        self.updates: Counter[int] = Counter()
        self.lag = Histogram()

    @property
    def second(self) -> int:
        """The present second of the run."""
        return int(time.monotonic() - self.began_at)

    def ask(self, operation: str, answer: Answer, due_at: float) -> None:
        """Count a request that was due at this time, and has ended now."""
        self.outcomes[operation, answer.outcome] += 1
        if not answer.answered:
            self.errors += 1
        elif operation in BOOKINGS and answer.outcome != "Booking":
            self.refusals += 1
        self.time(operation, time.monotonic() - due_at)

    def time(self, operation: str, seconds: float) -> None:
        """Count a time."""
        windows = self.requests.setdefault(operation, defaultdict(Histogram))
        windows[self.second].add(seconds)

    def update(self) -> None:
        """Count an update of somebody's map."""
        self.updates[self.second] += 1

    def move(self, before: str | None, after: str | None) -> None:
        """Somebody goes from one stage to another, comes or leaves."""
        if before:
            self.stages[before] -= 1
        if after:
            self.stages[after] += 1
        second = self.second
        self.inside[second] = max(self.inside.get(second, 0), self.stages.total())

    @property
    def operations(self) -> list[str]:
        """What there are times of, in order."""
        return [name for name, windows in self.requests.items() if windows]

    def whole(self, operation: str) -> Histogram:
        """All of an operation's times."""
        return Histogram(self.requests[operation].values())

    def recently(self) -> tuple[float, float]:
        """Requests and map updates a second, over the last seconds that are whole."""
        until = self.second
        since = max(0, until - RECENTLY)
        seconds = max(1, until - since)
        requests = sum(
            windows[second].count
            for name, windows in self.requests.items()
            if name != MAP_DELAY
            for second in range(since, until)
            if second in windows
        )
        updates = sum(self.updates[second] for second in range(since, until))
        return requests / seconds, updates / seconds
