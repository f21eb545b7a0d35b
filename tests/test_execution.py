"""Our schema by closures and by the stock executor: the same data and errors, to the letter."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from functools import partial

import pytest
from graphql import OperationType, StringValueNode, parse_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.api import schema
from tests.documents import Asked, requests
from tests.equality import assert_alike, assert_streams_alike, validate_once
from tests.stand_in import CURSORS, KNOWN_IDS, StandIn

TIMES = (
    '"2030-01-01T20:00:00+02:00"',
    '"1999-12-31T23:59:59Z"',
    '"soon"',
    '"2030-02-30T00:00:00Z"',
)
VALUES = ("true", "1", "-1.5", '"best"', "BEST", "[1, [null]]", '{a: {b: "c"}}', "1e999")
LITERALS = {
    "ID": [f'"{id_}"' for id_ in KNOWN_IDS * 2] + ['"nothing"', "7"],
    "String": [f'"{cursor}"' for cursor in CURSORS]
    + ['"seat-choice"'] * 4
    + ['"Ada"'] * 8
    + ['""', '"\\u0000"'],
    "Int": ["1", "2", "5", "9", "20", "0", "70000"],
    "DateTime": TIMES,
    "JSON": VALUES,
}
SCALARS = {
    "DateTime": st.sampled_from([StringValueNode(value=t.strip('"')) for t in TIMES]),
    "JSON": st.sampled_from([parse_value(text) for text in VALUES]),
}

property_test = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def asked(operation: OperationType) -> st.SearchStrategy[Asked]:
    return requests(schema._schema, operation, LITERALS, SCALARS)


SEEDS = st.tuples(st.integers(0, 2**16), st.sampled_from([0, 0, 0.1, 0.4]))


# Whichever executor it is: what an error cancels before it has begun is never awaited.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Every resolver's fault is logged with its traceback: a few thousand here."""
    log = logging.getLogger("boxoffice")
    log.disabled = True
    # What was never awaited is found where it does no harm: in a named tuple's constructor, which
    # has no builtins, Python cannot even warn.
    gc.disable()
    with pytest.MonkeyPatch.context() as monkeypatch:
        validate_once(monkeypatch)
        # Nobody waits: the time between a stream's events would decide what is told.
        turn = partial(asyncio.sleep, 0)
        monkeypatch.setattr(asyncio, "sleep", lambda _: turn())
        yield
    log.disabled = False
    gc.collect()
    gc.enable()


@property_test
@given(asked(OperationType.QUERY), SEEDS)
def test_queries_are_answered_as_by_the_stock_executor(
    asked: Asked, seed: tuple[int, float]
) -> None:
    assert_alike(schema, asked, lambda: StandIn(*seed).context)


@property_test
@given(asked(OperationType.MUTATION), SEEDS)
def test_mutations_are_answered_as_by_the_stock_executor_and_done_once(
    asked: Asked, seed: tuple[int, float]
) -> None:
    assert_alike(schema, asked, lambda: StandIn(*seed).context)


@property_test
@given(st.sampled_from([OperationType.SUBSCRIPTION] * 5 + [*OperationType]).flatmap(asked), SEEDS)
def test_streams_tell_what_the_stock_executor_tells(asked: Asked, seed: tuple[int, float]) -> None:
    assert_streams_alike(
        schema, asked, lambda: StandIn(*seed).context, lambda context: context["self"].tick()
    )
