"""A show's version counts its changes, and who watches it sees each of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from faults.evidence import Evidence
from faults.ledger import Ledger, Show
from faults.records import Update
from faults.replay import letters_by_version

_SEATS_NAMED = 5


def versions_without_gaps(evidence: Evidence) -> Iterator[str]:
    """A show's changes are 1, 2, 3 to its version, one after the other; no watcher goes back."""
    for show_id, show in evidence.ledger.shows.items():
        changes = evidence.ledger.changes.get(show_id, [])
        if [change.version for change in changes] != list(range(1, show.version + 1)):
            yield f"show {show_id}: the log doesn't go from 1 to version {show.version} in steps"
        for before, after in pairwise(changes):
            if after.at <= before.at:
                yield f"show {show_id}: version {after.version} is no later than the one before"
    told: dict[tuple[str, str], int] = {}
    for update in evidence.records.updates:
        before_it = told.get((update.watcher, update.show_id), 0)
        if update.version < before_it:
            yield f"{update.watcher}: version {before_it}, then {update.version}"
        told[update.watcher, update.show_id] = update.version


def watchers_see_the_truth(evidence: Evidence) -> Iterator[str]:
    """At each version it was told of, a watcher's map is the one that the log leads to.

    And the last that it was told of is that of the last request's end, or later.
    """
    by_show: dict[str, list[Update]] = defaultdict(list)
    for update in evidence.records.updates:
        by_show[update.show_id].append(update)
    for show_id, updates in by_show.items():
        if show := evidence.ledger.shows.get(show_id):
            yield from _false_maps(evidence.ledger, show, updates)
            yield from _left_behind(evidence, show, updates)
        else:
            yield f"{updates[0].watcher} watched show {show_id}, which is not there"


def _false_maps(ledger: Ledger, show: Show, updates: Sequence[Update]) -> Iterator[str]:
    maps: dict[str, bytearray] = {}
    truth = letters_by_version(ledger, show)
    version, letters = next(truth)
    for update in sorted(updates, key=lambda update: update.version):
        while version < update.version:
            version, letters = next(truth, (update.version, letters))
        seen = _apply(update, maps.get(update.watcher), show.total_seats)
        if seen is None:
            yield f"{update.watcher}: changes of a map that it was never told"
            continue
        if seen != letters:
            wrong = [n + 1 for n in range(show.total_seats) if seen[n] != letters[n]]
            where = f"show {show.id}, version {update.version}, seats {wrong[:_SEATS_NAMED]}"
            yield f"{update.watcher}, {where}: {len(wrong)} are not as it was told"
            seen = bytearray(letters)  # one mistake is told once
        maps[update.watcher] = seen


def _apply(update: Update, known: bytearray | None, total_seats: int) -> bytearray | None:
    """The watcher's map after an update; what a snapshot leaves out is wrong in it."""
    if known is None and not update.snapshot:
        return None
    seats = bytearray(b"?" * total_seats) if update.snapshot or known is None else known
    for number, letter in update.seats.items():
        seats[number - 1] = ord(letter)
    return seats


def _left_behind(evidence: Evidence, show: Show, updates: Sequence[Update]) -> Iterator[str]:
    changes = evidence.ledger.changes.get(show.id, [])
    end = evidence.answers.ended_at
    owed = max((change.version for change in changes if change.at <= end), default=0)
    last = {update.watcher: update.version for update in updates}
    for watcher, version in last.items():
        if version < owed:
            yield f"{watcher}, show {show.id}: ended on version {version}, not on {owed}"
