"""Generated requests by the thousand: whatever is asked, no answer is a server's error.

    python -m tests.fuzz --cases 2000 --seed 1

Schemathesis makes operations from the schema that the server tells, right ones and wrong ones.
They are sent as a visitor, a customer and an admin, on both the strict media type and the other.
"""

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any
from unittest import SkipTest

import graphql
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from db.embedded.binaries import find_binaries
from db.embedded.server import PostgresServer
from db.migrations import migrate
from schema.errors import STATUS
from tests.serving import serve
from tests.tokens import SECRET, bearer

CALLERS: dict[str, dict[str, str]] = {
    "visitor": {},
    "customer": bearer("ada"),
    "admin": bearer("boss", roles=["admin"]),
}
MEDIA_TYPES = ("application/graphql-response+json", "application/json")
PATIENCE = 30.0
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# The rates would refuse nearly all.
SETTINGS = {
    "AUTH_SECRET": SECRET,
    "RATE_LIMIT_READS": "1000000/minute",
    "RATE_LIMIT_BOOKINGS": "1000000/minute",
    "MAX_PENDING_SEATS": "100000",
}
JSON_VALUES = ("true", "1", "-1.5", '"x"', "X", "[1, [null]]", '{a: {b: "c"}}', "1e999", "9" * 400)
CREATE = (
    'mutation { made: createShow(input: {name: "Fuzz", startTime: "2030-01-01T20:00:00Z", '
    "totalSeats: 500}) { ... on Show { id } } }"
)
BOOK = (
    "mutation ($show: ID!) { made: bookSeats(input: {showId: $show, seatCount: 2, userName: "
    '"Eve"}) { ... on Booking { id } } }'
)


@dataclass
class Report:
    """What came of a run: how many answers there were of each kind, and what was wrong."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many requests were made."""
        return self.answers.total()


def fuzz(url: str, cases: int, seed: int) -> Report:
    """Send so many requests, or a few more: shared among fields, callers, right and wrong.

    The same seed sends the same, but for the ids of what is made meanwhile.
    """
    report, session = Report(), requests.Session()
    known = _furnish(url, session)
    # Ids of what there is, and others.
    ids = st.one_of(st.sampled_from(known), st.text(max_size=40)).map(nodes.String)
    schemathesis.graphql.scalar("ID", ids)
    times = st.sampled_from(["2030-01-01T20:00:00Z", "2030-01-01T20:00:00", "", "now", "9" * 400])
    schemathesis.graphql.scalar("DateTime", times.map(nodes.String))
    values = st.sampled_from([graphql.parse_value(text) for text in JSON_VALUES])
    schemathesis.graphql.scalar("JSON", values)
    found = schemathesis.graphql.from_url(url).get_all_operations()
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    while report.cases < cases:
        share = (cases - report.cases) / (len(operations) * len(CALLERS) * len(MODES))
        for operation in operations:
            for mode in MODES:
                strategy = operation.as_strategy(generation_mode=mode)
                for caller in CALLERS:
                    send = _sender(report, session, caller)
                    with suppress(SkipTest):  # nothing can be wrong where there is no argument
                        _repeat(send, strategy, ceil(share), seed)
        seed += 1  # some fields had not so many different cases
    return report


def _sender(report: Report, session: requests.Session, caller: str) -> Callable[[Case[Any]], None]:
    def send(case: Case[Any]) -> None:
        accept = MEDIA_TYPES[report.cases % len(MEDIA_TYPES)]
        headers = {**CALLERS[caller], "accept": accept}
        answer = case.call(session=session, headers=headers, timeout=PATIENCE)
        judge(report, f"{caller}: {case.body!s}", answer)

    return send


def _repeat(send: Callable[[Case[Any]], None], strategy: Any, times: int, seed: int) -> None:
    given_cases = given(case=strategy)(send)
    options = settings(
        max_examples=times,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seeded(seed)(options(given_cases))()


def judge(report: Report, asked: str, answer: Any) -> None:
    """Count an answer, and keep what is wrong with it."""
    try:
        body = answer.json()
        codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        report.answers["broken"] += 1
        report.failures.append(f"{asked}\n{type(error).__name__}: {answer.content!r:.500}")
        return
    report.answers[", ".join(sorted(codes)) or "data"] += 1
    if answer.status_code >= 500 or "INTERNAL" in codes or not codes <= STATUS.keys():
        report.failures.append(f"{asked}\n{answer.status_code}: {answer.content!r:.500}")


def _furnish(url: str, session: requests.Session) -> list[str]:
    """A show with a booking of a customer's and one of the house; returns their ids."""

    def make(document: str, caller: str, **variables: str) -> str:
        body: Any = {"query": document, "variables": variables}
        answer = session.post(url, json=body, headers=CALLERS[caller], timeout=PATIENCE).json()
        return str(answer["data"]["made"]["id"])

    show = make(CREATE, "admin")
    return [show, make(BOOK, "customer", show=show), make(BOOK, "admin", show=show)]


@contextmanager
def _served() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as place,
        PostgresServer(Path(place) / "postgres", find_binaries()) as postgres,
    ):
        migrate(postgres.url)
        with serve(postgres.url, **SETTINGS) as server:
            yield server.url


def main() -> int:
    """Fuzz a server of its own; the exit status is 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    began = time.monotonic()
    with _served() as url:
        report = fuzz(url, arguments.cases, arguments.seed)
    took = time.monotonic() - began
    sys.stdout.write(f"{report.cases} cases in {took:.0f} s: {dict(report.answers)}\n")
    for failure in report.failures:
        sys.stdout.write(f"\n{failure}\n")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
