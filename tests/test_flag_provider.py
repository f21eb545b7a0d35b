"""Our provider under OpenFeature's own client: types, reasons, variants, errors and events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagType, Reason
from openfeature.provider import ProviderStatus

from flags.answers import OFF, Answer, ask
from flags.flag import Flag
from flags.provider import FlagProvider
from flags.rollout import has

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
PATIENCE = 10
# One of each type, and where a client asks for it, a default that is none of them.
VALUES: dict[FlagType, tuple[Any, Any]] = {
    FlagType.BOOLEAN: (True, False),
    FlagType.STRING: ("front", "none"),
    FlagType.INTEGER: (7, -1),
    FlagType.FLOAT: (1.5, -1.0),
    FlagType.OBJECT: ({"a": [1, None]}, {}),
}


def flag(key: str, value: Any, percentage: float = 100) -> Flag:
    return Flag(key, value, percentage, NOON, "user:ada")


@pytest.fixture
def provider() -> Iterator[FlagProvider]:
    provider = FlagProvider()
    api.set_provider_and_wait(provider, "test")
    yield provider
    api.shutdown()


@pytest.fixture
def client(provider: FlagProvider) -> OpenFeatureClient:
    return api.get_client("test")


@pytest.mark.parametrize("type_", VALUES)
def test_every_type_comes_as_it_was_set(
    provider: FlagProvider, client: OpenFeatureClient, type_: FlagType
) -> None:
    value, default = VALUES[type_]
    provider.take(1, [flag("a", value)])
    found = client.evaluate_flag_details(type_, "a", default)
    assert (found.value, found.reason, found.variant) == (value, Reason.STATIC, "on")
    assert type(found.value) is type(value)
    assert found.error_code is None


@pytest.mark.parametrize("set_", VALUES)
@pytest.mark.parametrize("wanted", VALUES)
def test_another_type_than_was_set_is_an_error(
    provider: FlagProvider, client: OpenFeatureClient, set_: FlagType, wanted: FlagType
) -> None:
    if set_ is wanted or (set_, wanted) == (FlagType.INTEGER, FlagType.FLOAT):
        return  # a whole number is a number
    default = VALUES[wanted][1]
    provider.take(1, [flag("a", VALUES[set_][0])])
    found = client.evaluate_flag_details(wanted, "a", default)
    assert (found.value, found.reason) == (default, Reason.ERROR)
    assert found.error_code is ErrorCode.TYPE_MISMATCH


def test_a_whole_number_is_a_number_and_a_list_is_an_object(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    provider.take(1, [flag("number", 7), flag("list", [1])])
    found = client.get_float_value("number", 0.5)
    assert (found, type(found)) == (7.0, float)
    assert client.get_object_value("list", {}) == [1]


def test_who_is_among_the_percentage_gets_the_value_and_who_is_not_the_default(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    provider.take(1, [flag("a", "new", 30)])
    seen = set()
    for subject in map(str, range(50)):
        found = client.get_string_details("a", "old", EvaluationContext(subject))
        seen.add((found.value, found.reason, found.variant))
        assert (found.value == "new") == has("a", subject, 30)
    assert seen == {("new", Reason.SPLIT, "on"), ("old", Reason.DEFAULT, "off")}


def test_a_flag_for_nobody_is_disabled(provider: FlagProvider, client: OpenFeatureClient) -> None:
    provider.take(1, [flag("a", "new", 0)])
    found = client.get_string_details("a", "old", EvaluationContext("ada"))
    assert (found.value, found.reason, found.variant) == ("old", Reason.DISABLED, "off")


def test_whoever_says_no_subject_gets_only_what_is_everybodys(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    provider.take(1, [flag("all", "new", 100), flag("some", "new", 99.99)])
    assert client.get_string_value("all", "old") == "new"
    found = client.get_string_details("some", "old")
    assert (found.value, found.error_code) == ("old", ErrorCode.TARGETING_KEY_MISSING)


def test_a_flag_that_there_is_not_is_an_error(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    provider.take(1, [])
    found = client.get_boolean_details("a", True)
    assert (found.value, found.reason) == (True, Reason.ERROR)
    assert found.error_code is ErrorCode.FLAG_NOT_FOUND


def test_before_the_first_reading_the_provider_is_not_ready(client: OpenFeatureClient) -> None:
    found = client.get_boolean_details("a", True)
    assert (found.value, found.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)


def test_handlers_are_told_of_changes_and_of_an_outage(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    told: list[list[str]] = []
    happened = Event()

    def tell(details: EventDetails) -> None:
        told.append(sorted(details.flags_changed or []))
        happened.set()

    provider.take(1, [flag("same", 1), flag("other", 1), flag("gone", 1)])
    client.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, tell)
    provider.take(2, [flag("same", 1), flag("other", 2), flag("new", 1)])
    assert happened.wait(PATIENCE)
    assert told == [["gone", "new", "other"]]
    provider.be_stale("no database")
    assert client.get_provider_status() is ProviderStatus.STALE
    assert client.get_integer_value("other", 0) == 2  # what was read last stays
    provider.be_ready()
    assert client.get_provider_status() is ProviderStatus.READY


def test_what_a_subject_gets_is_told_of_any_type(
    provider: FlagProvider, client: OpenFeatureClient
) -> None:
    for value, _ in VALUES.values():
        provider.take(1, [flag("all", value), flag("none", value, 0), flag("some", value, 50)])
        assert ask(client, provider, "all", "ada") == Answer(True, value)
        assert ask(client, provider, "none", "ada") == OFF
        for subject in map(str, range(20)):
            expected = Answer(True, value) if has("some", subject, 50) else OFF
            assert ask(client, provider, "some", subject) == expected
    assert ask(client, provider, "unknown", "ada") == OFF
