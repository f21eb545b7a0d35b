"""Generated requests, a few of them: `make fuzz` sends two thousand."""

from collections.abc import Iterator

import pytest
from requests import Response

from tests import fuzz
from tests.serving import Served, serve


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    with serve(shared_database_url, **fuzz.SETTINGS) as server:
        yield server


def test_no_generated_request_is_the_servers_fault(guarded: Served) -> None:
    report = fuzz.fuzz(guarded.url, cases=66, seed=2030)
    assert not report.failures
    assert report.cases >= 66
    assert report.answers.keys() == {"data", "BAD_REQUEST", "UNAUTHENTICATED", "FORBIDDEN"}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, b'{"errors": [{"message": "", "extensions": {"code": "BAD_REQUEST"}}]}'),
        (200, b'{"errors": [{"message": "", "extensions": {"code": "INTERNAL"}}]}'),
        (200, b'{"errors": [{"message": "", "extensions": {"code": "ODD"}}]}'),
        (200, b'{"errors": [{"message": ""}]}'),
        (200, b"[]"),
        (200, b"Internal Server Error"),
    ],
)
def test_a_servers_fault_is_noticed(status: int, content: bytes) -> None:
    answer, report = Response(), fuzz.Report()
    answer.status_code, answer._content = status, content
    fuzz.judge(report, "{ a }", answer)
    assert len(report.failures) == 1
