"""A run in short, as Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from faults.records import Request
from faults.run import Outcome
from faults.unknown import fates

OPERATIONS = ("bookSeats", "confirmBooking", "cancelBooking")


def summary(outcome: Outcome, database_url: str, violations: Sequence[object]) -> str:
    """What was asked, answered and broken, and whether anything is wrong."""
    requests = outcome.records.requests
    parts = [
        f"Seed {outcome.seed}, {outcome.seconds:.0f} s, {machine()}. {len(requests):,} requests, "
        f"{len(outcome.records.updates):,} updates to {len(outcome.watchers.versions)} watchers "
        f"of {len(outcome.stage.shows.all)} shows, "
        f"who came back {outcome.watchers.came_back:,} times.",
        _table("requests", OPERATIONS, _by_outcome(requests)),
        _list("Acknowledged", _acknowledged(requests)),
        _list("Unknown outcomes of bookings", fates(outcome.records, database_url)),
        _list("Faults", _faults(outcome)),
    ]
    if outcome.left_out:
        parts.append(
            "Left out: "
            + "; ".join(f"{kind}, {why}" for kind, why in outcome.left_out.items())
            + "."
        )
    parts.append(_violations(outcome.complaints, violations))
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """The processor and the number of cores."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return f"{len(names)} x {names[0]}" if names else "a machine that does not say what it is"


def outcome_of(request: Request) -> str:
    """In a word, what came of a request."""
    if request.failure is not None:
        return f"no answer: {request.failure.partition(':')[0]}"
    if request.result is not None:
        return str(request.result["__typename"])
    return f"{request.code}, {request.outcome}" if request.outcome else str(request.code)


def _by_outcome(requests: Iterable[Request]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for request in requests:
        found.setdefault(outcome_of(request), Counter())[request.operation] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1].total()))


def _acknowledged(requests: Iterable[Request]) -> Counter[str]:
    booked, confirmed, cancelled = set[str](), set[str](), set[str]()
    for request in requests:
        if request.result and request.result["__typename"] == "Booking":
            id_, status = request.result["id"], request.result["status"]
            booked |= {id_} if request.operation == "bookSeats" else set()
            confirmed |= {id_} if status == "CONFIRMED" else set()
            cancelled |= {id_} if request.operation == "cancelBooking" else set()
    return Counter(bookings=len(booked), confirmed=len(confirmed), cancelled=len(cancelled))


def _faults(outcome: Outcome) -> Counter[str]:
    found = Counter({f"{kind}: {how}": n for (kind, how), n in outcome.stage.happened.items()})
    found.update({f"client vanished: {how}": n for how, n in outcome.load.vanished.items()})
    return Counter(dict(sorted(found.items())))


def _table(title: str, columns: Sequence[str], rows: Mapping[str, Counter[str]]) -> str:
    head = f"| {title} | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}"
    lines = [
        f"| {name} | {' | '.join(f'{counts[column]:,}' for column in columns)} |"
        for name, counts in rows.items()
    ]
    return "\n".join([head, *lines])


def _list(title: str, counts: Mapping[str, int]) -> str:
    lines = [f"- {name}: {count:,}" for name, count in counts.items()]
    return f"{title}:\n\n" + "\n".join(lines or ["- none"])


def _violations(complaints: Sequence[str], violations: Sequence[object]) -> str:
    found = [*complaints, *map(str, violations)]
    return "\n".join([f"Violations: {len(found)}", *[f"- {each}" for each in found]])
