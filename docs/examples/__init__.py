"""The examples of the API: an operation in a file, its variables and answers in another.

The suite runs them in the order of their names, on one fresh house (tests/test_api_examples.py).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    visit,
)
from graphql.language import ast

EXAMPLES = Path(__file__).parent
# So wide a value stands in one line.
WIDTH = 88


@dataclass(frozen=True)
class Example:
    """One operation, and what comes of it.

    Args:
        title: the first line of the file, a comment.
        answers: one, or those that a subscription is sent first.
        lapsed: whether the holds of the house have lapsed a moment before.
    """

    name: str
    title: str
    document: str
    variables: dict[str, Any]
    answers: list[Any]
    lapsed: bool = False

    @property
    def operation(self) -> OperationDefinitionNode:
        """Its only operation."""
        [operation] = parse(self.document).definitions
        assert isinstance(operation, OperationDefinitionNode)
        return operation

    @property
    def fields(self) -> list[str]:
        """The root fields that it asks for, such as `Query.show`."""
        kind = self.operation.operation.value.title()
        nodes = self.operation.selection_set.selections
        return [f"{kind}.{node.name.value}" for node in nodes if isinstance(node, FieldNode)]


def read_examples() -> list[Example]:
    """All examples, in the order in which they can be run one after the other."""
    return [_read(path) for path in sorted(EXAMPLES.glob("*.graphql"))]


def _read(path: Path) -> Example:
    title, document = path.read_text("utf-8").removeprefix("# ").split("\n", 1)
    told = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return Example(path.stem.partition("-")[2], title, document, **told)


def types_in(schema: GraphQLSchema, example: Example) -> set[str]:
    """The names of the types that an example meets: of its fields, conditions and arguments."""
    met: set[str] = set()
    info = TypeInfo(schema)

    class Meet(Visitor):
        def enter(self, node: ast.Node, *_: Any) -> None:
            for kind in _kinds(info):
                met.add(get_named_type(kind).name)

    visit(parse(example.document), TypeInfoVisitor(info, Meet()))
    return met


def _kinds(info: TypeInfo) -> Iterator[Any]:
    return (
        kind for kind in (info.get_type(), info.get_input_type(), info.get_parent_type()) if kind
    )


def json_text(value: Any, indent: int = 0, lead: int = 0) -> str:
    """A value as JSON, in one line where it fits: a page of seats is read, not scrolled."""
    line = _in_a_line(value)
    if not value or not isinstance(value, dict | list) or indent + lead + len(line) <= WIDTH:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        keys = {json.dumps(key) + ": ": entry for key, entry in value.items()}
        entries = [key + json_text(entry, inner, len(key)) for key, entry in keys.items()]
    else:
        entries = [json_text(entry, inner) for entry in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    body = ",\n".join(" " * inner + entry for entry in entries)
    return f"{opening}\n{body}\n{' ' * indent}{closing}"


def _in_a_line(value: Any) -> str:
    if isinstance(value, dict) and value:
        entries = (f"{json.dumps(key)}: {_in_a_line(entry)}" for key, entry in value.items())
        return f"{{ {', '.join(entries)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_a_line, value))}]"
    return json.dumps(value, ensure_ascii=False)
