"""The reference: every type, field, argument and value of the schema as Markdown, with examples."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
    print_ast,
)

from docs.examples import Example, json_text, read_examples, types_in

SDL = Path(__file__).parent.parent / "schema" / "schema.graphql"
# The sections of the page of types, in the order in which a reader meets them.
KINDS: dict[str, type[GraphQLNamedType]] = {
    "objects": GraphQLObjectType,
    "interfaces": GraphQLInterfaceType,
    "unions": GraphQLUnionType,
    "enums": GraphQLEnumType,
    "inputs": GraphQLInputObjectType,
    "scalars": GraphQLScalarType,
}
Input = GraphQLArgument | GraphQLInputField


class Reference:
    """What is to be said of one schema."""

    def __init__(self, schema: GraphQLSchema, examples: Sequence[Example]) -> None:
        self.schema = schema
        self.examples = examples
        roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
        self.roots = {root.name: root for root in roots if root}
        self.uses = _uses(schema)
        self.met: dict[str, list[Example]] = defaultdict(list)
        for example in examples:
            for name in types_in(schema, example):
                self.met[name].append(example)

    def render(self, part: str) -> str:
        """The Markdown of one part: a root type such as `Query`, or a kind such as `enums`."""
        if part in self.roots:
            fields = self.roots[part].fields
            return "\n".join(self._root_field(part, name, fields[name]) for name in fields)
        kinds = [kind for kind in self.schema.type_map.values() if isinstance(kind, KINDS[part])]
        return "\n".join(map(self._type, filter(self._is_told, kinds)))

    def _is_told(self, kind: GraphQLNamedType) -> bool:
        return not kind.name.startswith("__") and kind.name not in self.roots

    def _root_field(self, root: str, name: str, field: GraphQLField) -> str:
        shown = [example for example in self.examples if f"{root}.{name}" in example.fields]
        lines = [
            f"(field-{root}-{name})=\n## {name}\n",
            f"{_said(field)}\n",
            f"Answers {_linked(field.type)}, {_nullness(field.type)}.\n",
            *_inputs("Argument", field.args),
            *(self._example(example) for example in shown),
        ]
        return "\n".join(lines)

    def _example(self, example: Example) -> str:
        """An example in full, where its first field stands; elsewhere a link to it."""
        return "\n".join(
            [
                f"(example-{example.name})=\n### {example.title}\n",
                f"```graphql\n{example.document}```\n",
                *(_block("Variables:", [example.variables]) if example.variables else ()),
                *_block("Answer:" if len(example.answers) == 1 else "Answers:", example.answers),
            ]
        )

    def _type(self, kind: GraphQLNamedType) -> str:
        lines = [f"(type-{kind.name})=\n### {kind.name}\n", f"{_said(kind)}\n"]
        match kind:
            case GraphQLObjectType() | GraphQLInterfaceType():
                lines += self._fields(kind)
            case GraphQLUnionType():
                lines += [f"- {_linked(member)}: {_cell(member)}" for member in kind.types]
            case GraphQLEnumType():
                lines += [f"- `{name}`: {_cell(value)}" for name, value in kind.values.items()]
            case GraphQLInputObjectType():
                lines += _inputs("Field", kind.fields)
            case GraphQLScalarType() if kind.specified_by_url:
                lines.append(f"After <{kind.specified_by_url}>.")
        used = self.uses.get(kind.name)
        if used and not is_specified_scalar_type(kind):
            lines.append(f"\nUsed by {', '.join(used)}.")
        if shown := self.met.get(kind.name):
            lines.append(f"\nFor example: {_example_link(shown[0])}.")
        return "\n".join([*lines, ""])

    def _fields(self, kind: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[str]:
        if kind.interfaces:
            yield f"Implements {', '.join(map(_linked, kind.interfaces))}.\n"
        if isinstance(kind, GraphQLInterfaceType):
            members = self.schema.get_possible_types(kind)
            yield f"Implemented by {', '.join(map(_linked, members))}.\n"
        yield "| Field | Type | Null | |\n|---|---|---|---|"
        for name, field in kind.fields.items():
            yield f"| `{name}` | {_linked(field.type)} | {_nullness(field.type)} | {_cell(field)} |"
            for argument, given in field.args.items():
                need = f"{_linked(given.type)} | {_need(given)}"
                yield f"| `{name}({argument}:)` | {need} | {_cell(given)} |"


def read_reference() -> Reference:
    """The reference of the committed schema, with the committed examples."""
    return Reference(build_schema(SDL.read_text("utf-8")), read_examples())


def _uses(schema: GraphQLSchema) -> Mapping[str, list[str]]:
    """By the name of a type, links to where it is used."""
    uses: dict[str, list[str]] = defaultdict(list)
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    for kind in schema.type_map.values():
        if kind.name.startswith("__"):
            continue
        if isinstance(kind, GraphQLUnionType):
            for member in kind.types:
                uses[member.name].append(_link(kind.name, f"type-{kind.name}"))
        for name, field in getattr(kind, "fields", {}).items():
            target = f"field-{kind.name}-{name}" if kind in roots else f"type-{kind.name}"
            place = _link(f"{kind.name}.{name}", target)
            for used in (field, *getattr(field, "args", {}).values()):
                known = uses[get_named_type(used.type).name]
                if place not in known:
                    known.append(place)
    return uses


def _inputs(what: str, inputs: Mapping[str, Input]) -> Iterator[str]:
    if inputs:
        yield f"| {what} | Type | Needed | |\n|---|---|---|---|"
        for name, given in inputs.items():
            yield f"| `{name}` | {_linked(given.type)} | {_need(given)} | {_cell(given)} |"
        yield ""


def _need(given: Input) -> str:
    if given.ast_node and given.ast_node.default_value:
        return f"no: `{print_ast(given.ast_node.default_value)}` by default"
    needed = "yes" if isinstance(given.type, GraphQLNonNull) else "no"
    return needed + _entries(given.type)


def _nullness(kind: Any) -> str:
    return ("never null" if isinstance(kind, GraphQLNonNull) else "can be null") + _entries(kind)


def _entries(kind: Any) -> str:
    """What is to be added for a list: whether there can be gaps in it."""
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    if not isinstance(kind, GraphQLList):
        return ""
    return f"; its entries {_nullness(kind.of_type)}"


def _linked(kind: Any) -> str:
    return _link(str(kind), f"type-{get_named_type(kind).name}")


def _link(text: str, target: str) -> str:
    # Targets are told apart without case by docutils, which lowers them: so do we.
    return f"[`{text}`](#{target.lower()})"


def _example_link(example: Example) -> str:
    return f"[{example.title}](#example-{example.name})"


def _said(part: Any) -> str:
    """What the schema says of a part; whether it will go is said, too."""
    description: str = part.description or ""
    if reason := getattr(part, "deprecation_reason", None):
        description += f" **Deprecated**: {reason}"
    return description


def _cell(part: Any) -> str:
    return _said(part).replace("\n", " ").replace("|", "\\|")


def _block(title: str, values: Sequence[Any]) -> Iterator[str]:
    yield f"{title}\n"
    for value in values:
        yield f"```json\n{json_text(value)}\n```\n"
