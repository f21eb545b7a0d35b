"""A served schema for each file, and nothing logged as an error unasked."""

import logging
from collections.abc import (
    Iterator,
)

import httpx
import pytest

from execution.schema import Schema
from tests.transport.stage import Logged, Mutation, Query, Subscription, feed, serving
from transport.graphql_app import GraphQLApp


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    schema = Schema(query=Query, mutation=Mutation, subscription=Subscription)
    with serving(GraphQLApp(schema)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}") as client:
        yield client


@pytest.fixture(autouse=True)
def fresh_feed() -> None:
    feed.opened = feed.closed = feed.yields = 0


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """The errors the server logged, for the tests that expect one."""
    return lambda: [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture(autouse=True)
def no_errors_logged(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """What a client does wrong is no error of ours, so nothing may be logged as one."""
    yield
    if "logged" not in request.fixturenames:
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert [record.getMessage() for record in errors] == []
