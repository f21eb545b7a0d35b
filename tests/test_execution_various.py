"""All that our schema does not have, by closures and by the stock executor: still the same."""

from types import SimpleNamespace
from typing import Any

from graphql import OperationType, parse_value
from hypothesis import given
from hypothesis import strategies as st

from tests.documents import Asked, requests
from tests.equality import assert_alike, assert_streams_alike
from tests.test_execution import property_test, pytestmark, quiet
from tests.various import Moods, schema

__all__ = ["pytestmark", "quiet"]

LITERALS = {
    "Int": ["0", "1", "2", "3", "-1"],
    "ID": ['"RnJ1aXQ6MQ=="', '"RnJ1aXQ6Mg=="', '"no id"', '"VGhpbmc6MQ=="'],
    "Fussy": ["1", "2.5", '"x"', "-1"],
    "JSON": ["{a: [1, {b: null}]}", '"text"', "5", "[]"],
}
SCALARS = {
    name: st.sampled_from([parse_value(text) for text in LITERALS[name]])
    for name in ("Fussy", "JSON")
}
ROOT = SimpleNamespace(number=2.5)


def asked(operation: OperationType) -> st.SearchStrategy[Asked]:
    return requests(schema._schema, operation, LITERALS, SCALARS)


MOODS = st.builds(Moods, st.integers(0, 2**16), st.sampled_from([0, 0.1, 0.3]))


def context(moods: Moods) -> dict[str, Any]:
    return {"moods": moods, "done": []}


@property_test
@given(asked(OperationType.QUERY), MOODS)
def test_queries_of_all_sorts_are_answered_alike(asked: Asked, moods: Moods) -> None:
    assert_alike(schema, asked, lambda: context(moods), ROOT)


@property_test
@given(asked(OperationType.MUTATION), MOODS)
def test_mutations_of_all_sorts_are_answered_alike(asked: Asked, moods: Moods) -> None:
    assert_alike(schema, asked, lambda: context(moods), ROOT)


@property_test
@given(st.sampled_from([OperationType.SUBSCRIPTION] * 5 + [*OperationType]).flatmap(asked), MOODS)
def test_streams_of_all_sorts_tell_alike(asked: Asked, moods: Moods) -> None:
    assert_streams_alike(schema, asked, lambda: context(moods), lambda _: None, ROOT)
