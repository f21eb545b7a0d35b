"""The checker: holds what clients were told and what the database says against every rule."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from faults.evidence import PATIENCE, Evidence
from faults.ledger import read_ledger
from faults.records import Records
from faults.rules.answers import acknowledged_is_kept, everybody_is_answered, refused_is_undone
from faults.rules.deadlines import confirmed_in_time, expired_in_time, times_are_true
from faults.rules.keys import key_honoured_once
from faults.rules.refusals import refusals_are_true
from faults.rules.seats import (
    counters_equal_seats,
    log_is_possible,
    sold_once_as_told,
    sold_once_in_database,
)
from faults.rules.versions import versions_without_gaps, watchers_see_the_truth

Rule = Callable[[Evidence], Iterator[str]]

_RULES: tuple[Rule, ...] = (
    sold_once_as_told,
    sold_once_in_database,
    log_is_possible,
    acknowledged_is_kept,
    refused_is_undone,
    key_honoured_once,
    confirmed_in_time,
    expired_in_time,
    times_are_true,
    versions_without_gaps,
    watchers_see_the_truth,
    counters_equal_seats,
    refusals_are_true,
    everybody_is_answered,
)
# A house that is broken may break a rule with every request: so many of a rule say enough.
MOST_OF_A_RULE = 50


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that was broken: which rule, and where it shows."""

    rule: str
    message: str


def name_of(rule: Rule) -> str:
    """What a rule is called: "sold once as told"."""
    return rule.__name__.replace("_", " ")


RULES: dict[str, Rule] = {name_of(rule): rule for rule in _RULES}


def check(records: Records, database_url: str, patience: float = PATIENCE) -> list[Violation]:
    """Say what was broken, if anything; at most MOST_OF_A_RULE of each rule.

    Args:
        records: all that was asked and answered. No request may be missing that anybody sent for
            these shows, nor a watcher's update; watchers listen until they know of every change
            there was up to the last request's end.
        database_url: where it all happened; read in one snapshot, whoever still sells.
        patience: how long an answer may take, in seconds.
    """
    return judge(Evidence(records, read_ledger(database_url), patience))


def judge(evidence: Evidence) -> list[Violation]:
    """Hold the evidence against every rule."""
    return [
        Violation(name, message)
        for name, rule in RULES.items()
        for message in islice(rule(evidence), MOST_OF_A_RULE)
    ]
