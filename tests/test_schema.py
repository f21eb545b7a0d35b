"""The schema: its committed text, the contract it keeps, and a word on everything."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

from resolvers.api import SDL_FILE, schema, sdl

CONTRACT = build_schema((Path(__file__).parent / "contract.graphql").read_text("utf-8"))
OURS = build_schema(sdl())
# What a client could trip over even if nothing is taken away. An optional addition is none.
HARMLESS = {"OPTIONAL_INPUT_FIELD_ADDED", "OPTIONAL_ARG_ADDED"}


def test_committed_sdl_is_what_the_code_says() -> None:
    assert SDL_FILE.read_text("utf-8") == sdl(), "run `make sdl`"


def test_contract_is_kept() -> None:
    dangerous = find_dangerous_changes(CONTRACT, OURS)
    assert find_breaking_changes(CONTRACT, OURS) == []
    assert [change for change in dangerous if change.type.name not in HARMLESS] == []


def test_output_is_exactly_as_nullable_as_the_contract_says() -> None:
    for name, theirs in CONTRACT.type_map.items():
        if isinstance(theirs, GraphQLObjectType | GraphQLInterfaceType):
            ours = OURS.type_map[name]
            assert isinstance(ours, type(theirs))
            for field, definition in theirs.fields.items():
                assert str(ours.fields[field].type) == str(definition.type), f"{name}.{field}"


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("holdSeconds: Int!", "holdSeconds: Int"),
        ("  encoded: String!\n", "  code: String!\n"),
        ("  AVAILABLE\n", "  AVAILABLE\n  FOYER\n"),
        ("confirm: Boolean = false", "confirm: Boolean = true"),
        ("userName: String\n", "userName: String!\n"),
        ("union CancelBookingResult = Booking | NotFound", "union CancelBookingResult = Booking"),
    ],
)
def test_a_broken_contract_is_noticed(kept: str, broken: str) -> None:
    assert kept in sdl()
    other = build_schema(sdl().replace(kept, broken))
    assert [*find_breaking_changes(CONTRACT, other), *find_dangerous_changes(CONTRACT, other)]


def test_everything_is_described() -> None:
    assert _undescribed(schema._schema) == []


def _undescribed(graphql: GraphQLSchema) -> list[str]:
    missing = []
    for name, kind in graphql.type_map.items():
        if name.startswith("__") or name in {"Int", "String", "Boolean", "ID", "Float"}:
            continue
        parts = {name: kind.description}
        if isinstance(kind, GraphQLEnumType):
            parts |= {f"{name}.{value}": v.description for value, v in kind.values.items()}
        if isinstance(kind, GraphQLInputObjectType):
            parts |= {f"{name}.{field}": f.description for field, f in kind.fields.items()}
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, definition in kind.fields.items():
                parts[f"{name}.{field}"] = definition.description
                parts |= {f"{name}.{field}({a})": d.description for a, d in definition.args.items()}
        assert isinstance(kind, GraphQLUnionType) is name.endswith("Result")
        missing += [part for part, description in parts.items() if not description]
    return missing
