"""Feature flags over the API: who may do what, and every process goes by a change in time."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from db.embedded.server import PostgresServer
from flags.rollout import has
from tests.serving import Served, serve
from tests.tokens import SECRET, bearer

ADMIN, ADA, VISITOR = bearer("boss", roles=["admin"]), bearer("ada"), dict[str, str]()
ASK = """
    query ($key: String!, $subject: String!) {
        featureFlag(key: $key, subject: $subject) { key enabled value }
    }
"""
SET = """
    mutation ($input: SetFeatureFlagInput!) {
        setFeatureFlag(input: $input) {
            __typename
            ... on FeatureFlag { key value percentage changedBy }
            ... on InvalidInput { fields { field } }
        }
    }
"""
DELETE = """
    mutation ($key: String!) {
        deleteFeatureFlag(key: $key) {
            __typename
            ... on FeatureFlag { key value percentage }
            ... on NotFound { id message }
        }
    }
"""
LIST = "{ featureFlags { key value percentage changedAt changedBy } }"
CHANGES = """
    query ($key: String, $first: Int, $before: Int) {
        featureFlagChanges(key: $key, first: $first, before: $before) {
            revision key changedBy before { value percentage } after { value percentage }
        }
    }
"""
# What is promised, between the answer to whoever changes a flag and the last process to know.
KNOWN_WITHIN = 2.0
PATIENCE = 10.0

_client = httpx.Client(timeout=30, verify=False)


@pytest.fixture(scope="module")
def servers(shared_database_url: str) -> Iterator[list[Served]]:
    """Two processes that meet only in the database."""
    with (
        serve(shared_database_url, AUTH_SECRET=SECRET) as first,
        serve(shared_database_url, AUTH_SECRET=SECRET) as second,
    ):
        yield [first, second]
    _client.close()


def post(server: Served, headers: dict[str, str], document: str, **variables: Any) -> Any:
    body = {"query": document, "variables": variables}
    return _client.post(server.url, json=body, headers=headers).json()


def data(server: Served, document: str, headers: dict[str, str] = ADMIN, **variables: Any) -> Any:
    answer = post(server, headers, document, **variables)
    assert "errors" not in answer, answer
    [value] = answer["data"].values()
    return value


def code(server: Served, document: str, headers: dict[str, str] = ADMIN, **variables: Any) -> Any:
    return post(server, headers, document, **variables)["errors"][0]["extensions"]["code"]


def set_flag(server: Served, key: str, value: Any, percentage: float) -> Any:
    return data(server, SET, input={"key": key, "value": value, "percentage": percentage})


def enabled(server: Served, key: str, subject: str = "ada") -> bool:
    return bool(data(server, ASK, key=key, subject=subject)["enabled"])


def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("value", [{"two": 2}, None])
def test_a_change_is_in_every_process_within_two_seconds(servers: list[Served], value: Any) -> None:
    first, second = servers
    if value is None:
        assert data(first, DELETE, key="shared")["__typename"] == "FeatureFlag"
    else:
        set_flag(first, "shared", value, 100)
    expected = {"key": "shared", "enabled": value is not None, "value": value}
    assert data(first, ASK, key="shared", subject="ada") == expected  # at once
    until(lambda: data(second, ASK, key="shared", subject="ada") == expected, KNOWN_WITHIN)


def test_every_process_gives_a_subject_the_same_as_the_rule(servers: list[Served]) -> None:
    set_flag(servers[0], "split", "new", 37.5)
    until(lambda: any(enabled(servers[1], "split", str(n)) for n in range(20)))
    for subject in map(str, range(30)):
        for server in servers:
            assert enabled(server, "split", subject) == has("split", subject, 37.5)


def test_everybody_may_ask_and_only_admins_may_look_or_set(servers: list[Served]) -> None:
    server = servers[0]
    set_flag(server, "open", 1, 100)
    wanted = {"key": "open", "value": 2, "percentage": 1}
    for headers, refusal in ((VISITOR, "UNAUTHENTICATED"), (ADA, "FORBIDDEN")):
        assert data(server, ASK, headers, key="open", subject="ada")["value"] == 1
        assert code(server, LIST, headers) == refusal
        assert code(server, CHANGES, headers) == refusal
        assert code(server, SET, headers, input=wanted) == refusal
        assert code(server, DELETE, headers, key="open") == refusal
    assert data(server, ASK, key="open", subject="ada")["value"] == 1


def test_an_unknown_flag_and_one_for_nobody_look_alike(servers: list[Served]) -> None:
    set_flag(servers[0], "secret-plan", {"price": 1}, 0)
    for key in ("secret-plan", "no-such-plan"):
        found = data(servers[0], ASK, VISITOR, key=key, subject="ada")
        assert found == {"key": key, "enabled": False, "value": None}


def test_flags_and_their_changes_are_listed_with_who_made_them(servers: list[Served]) -> None:
    server = servers[0]
    set_flag(server, "listed", [1], 10)
    grown = set_flag(server, "listed", [1], 20.25)
    assert grown == {
        "__typename": "FeatureFlag",
        "key": "listed",
        "value": [1],
        "percentage": 20.25,
        "changedBy": "user:boss",
    }
    [found] = [flag for flag in data(server, LIST) if flag["key"] == "listed"]
    assert (found["value"], found["percentage"]) == ([1], 20.25)
    gone = data(server, DELETE, key="listed")
    assert gone == {
        "__typename": "FeatureFlag",
        "key": "listed",
        "value": [1],
        "percentage": 20.25,
    }
    small, large = {"value": [1], "percentage": 10.0}, {"value": [1], "percentage": 20.25}
    changes = data(server, CHANGES, key="listed")
    steps = [(change["before"], change["after"]) for change in changes]
    assert steps == [(large, None), (small, large), (None, small)]
    assert {change["changedBy"] for change in changes} == {"user:boss"}
    [second] = data(server, CHANGES, first=1, before=changes[0]["revision"])
    assert second == changes[1]
    missing = data(server, DELETE, key="listed")
    assert (missing["__typename"], missing["id"]) == ("NotFound", "listed")


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({"key": "No", "percentage": 1}, ["key"]),
        ({"key": "a", "percentage": 100.5}, ["percentage"]),
        ({"key": "a", "percentage": 0.001}, ["percentage"]),
        ({"key": "a", "percentage": 1, "value": "x" * 4_096}, ["value"]),
        ({"key": "a", "percentage": 1, "value": "\0"}, ["value"]),
        ({"key": "", "percentage": -1, "value": ["x" * 99] * 99}, ["key", "value", "percentage"]),
    ],
)
def test_every_mistake_of_a_flag_is_told(
    servers: list[Served], wanted: dict[str, Any], fields: list[str]
) -> None:
    answer = data(servers[0], SET, input=wanted)
    assert answer["__typename"] == "InvalidInput"
    assert [each["field"] for each in answer["fields"]] == fields


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("true", True),
        ("-1.50", -1.5),
        ('"\\u00fc"', "ü"),
        ('{a: [1, {b: null}], c: "d"}', {"a": [1, {"b": None}], "c": "d"}),
        ("{a: $x}", {"a": 5}),
        ("front", "front"),
    ],
)
def test_a_value_may_stand_in_the_document(servers: list[Served], literal: str, value: Any) -> None:
    document = (
        'mutation ($x: JSON) { setFeatureFlag(input: {key: "literal", percentage: 100, '
        f"value: {literal}, }}) {{ ... on FeatureFlag {{ value }} }} a: __typename @skip(if: true)"
        ' b: setFeatureFlag(input: {key: "other", percentage: 1, value: $x}) { __typename } }'
    )
    answer = post(servers[0], ADMIN, document, x=5)
    assert answer["data"]["setFeatureFlag"] == {"value": value}


@pytest.mark.parametrize("literal", ["1e999", "9" * 400, "null", "$unknown", "{a: $unknown}"])
def test_what_is_no_value_is_refused_in_the_document_too(
    servers: list[Served], literal: str
) -> None:
    document = (
        'mutation { setFeatureFlag(input: {key: "literal", percentage: 100, '
        f"value: {literal} }}) {{ ... on InvalidInput {{ fields {{ field }} }} }} }}"
    )
    answer = post(servers[0], ADMIN, document)
    if "errors" in answer:
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_REQUEST"}
    else:
        assert answer["data"]["setFeatureFlag"] == {"fields": [{"field": "value"}]}


@pytest.mark.parametrize(
    ("key", "subject"), [("a", ""), ("a", "x" * 256), ("a", "\0"), ("A", "ada"), ("x" * 65, "ada")]
)
def test_a_question_that_no_flag_can_answer_is_refused(
    servers: list[Served], key: str, subject: str
) -> None:
    assert code(servers[0], ASK, VISITOR, key=key, subject=subject) == "BAD_REQUEST"


def test_flags_stay_as_they_were_while_the_database_is_away(
    servers: list[Served], shared_database_url: str, postgres: PostgresServer
) -> None:
    set_flag(servers[0], "kept", "still", 100)
    until(lambda: enabled(servers[1], "kept"))
    with psycopg.connect(shared_database_url) as conn:
        [(name,)] = conn.execute("SELECT current_database()").fetchall()
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            for server in servers:
                assert code(server, LIST) == "UNAVAILABLE"
            time.sleep(1.2)  # each has looked in vain by now
            for server in servers:
                found = data(server, ASK, VISITOR, key="kept", subject="ada")
                assert found == {"key": "kept", "enabled": True, "value": "still"}
            assert code(servers[0], SET, input={"key": "kept", "percentage": 0}) == "UNAVAILABLE"
        finally:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    until(lambda: "errors" not in post(servers[0], ADMIN, LIST))
    set_flag(servers[0], "kept", "still", 0)
    until(lambda: not enabled(servers[1], "kept"))
