"""Requests for any schema: generated, then rewritten in the many ways to say a thing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import graphql as g
import hypothesis_graphql
from graphql.utilities import value_from_ast_untyped
from hypothesis import strategies as st

from tests.values import Literals, spoiled

# Fields that any query may hold besides.
INTROSPECTION = (
    "__schema { queryType { name fields { name args { name defaultValue } } } }",
    '__type(name: "Query") { __typename kind description }',
)
OPERATIONS = {
    g.OperationType.QUERY: "query",
    g.OperationType.MUTATION: "mutation",
    g.OperationType.SUBSCRIPTION: "subscription",
}


@dataclass(frozen=True)
class Asked:
    """A request."""

    text: str
    variables: Mapping[str, Any]
    name: str | None = None

    def __repr__(self) -> str:
        return f"Asked(\n{self.text!r},\n{self.variables!r}, {self.name!r})"


def requests(
    schema: g.GraphQLSchema,
    operation: g.OperationType,
    literals: Literals,
    scalars: Mapping[str, st.SearchStrategy[g.ValueNode]],
) -> st.SearchStrategy[Asked]:
    """Requests of one kind. `literals` stand in for what a leaf type's argument is given."""
    root = schema.get_root_type(operation)
    assert root is not None
    # The generator knows queries only: to it, any root is the root of queries.
    as_query = g.GraphQLSchema(query=root, types=tuple(schema.type_map.values()))

    def of_fields(names: list[str] | None) -> st.SearchStrategy[g.DocumentNode]:
        return hypothesis_graphql.queries(
            as_query, fields=names, custom_scalars=dict(scalars), print_ast=lambda node: node
        )

    documents = (
        st.sampled_from(sorted(root.fields)).flatmap(lambda name: of_fields([name]))
        if operation is g.OperationType.SUBSCRIPTION
        else of_fields(None)
    )
    # One number for all that is rewritten: to draw each bit of it would take longer than the test.
    return st.builds(
        lambda document, seed: Rewriting(schema, operation, literals, Random(seed)).rewrite(
            document
        ),
        documents,
        st.integers(0, 2**32),
    )


class Rewriting:
    """One document's way from what was generated to what is sent."""

    def __init__(
        self,
        schema: g.GraphQLSchema,
        operation: g.OperationType,
        literals: Literals,
        random: Random,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._literals = literals
        self._random = random
        # Most requests are right: they are what gets further than to be refused.
        self._spoiling = random.choice([0, 0, 0, 0.15])
        self._numbers = count(1)
        self._fragments: list[tuple[str, g.GraphQLNamedType, str]] = []
        self._declared: list[str] = []
        self._sent: dict[str, Any] = {}

    def rewrite(self, document: g.DocumentNode) -> Asked:
        """Rewrite all of it."""
        [definition] = document.definitions
        assert isinstance(definition, g.OperationDefinitionNode)
        root = self._schema.get_root_type(self._operation)
        assert root is not None
        whole = self._selection_set(definition.selection_set, root, root=True)
        if self._operation is g.OperationType.QUERY and self._chance(0.1):
            whole = f"{{ {self._random.choice(INTROSPECTION)} {whole[1:]}"
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        kind = OPERATIONS[self._operation]
        texts = [f"{kind} Asked{declared} {whole}"]
        texts += [f"fragment {name} on {on} {body}" for name, on, body in self._fragments]
        if self._chance(0.05):
            texts[0] = f"{kind}{declared} {whole}"
            return Asked("\n".join(texts), self._sent)
        if self._chance(0.15):
            texts.append("query Other($v1: String!) { __type(name: $v1) { name } }")
            self._random.shuffle(texts)
            return Asked("\n".join(texts), self._sent, self._random.choice(["Asked"] * 8 + ["No"]))
        return Asked("\n".join(texts), self._sent, self._random.choice(["Asked", None]))

    def _chance(self, of_one: float) -> bool:
        return self._random.random() < of_one

    def _new(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"

    def _selection_set(
        self, node: g.SelectionSetNode, parent: g.GraphQLNamedType, root: bool = False
    ) -> str:
        single = root and self._operation is g.OperationType.SUBSCRIPTION
        parts = [part for each in node.selections for part in self._selection(each, parent, single)]
        if not single:
            if self._chance(0.3):
                parts.insert(self._random.randrange(len(parts) + 1), "__typename")
            if self._chance(0.1):
                parts.append(f"{self._new('t')}: __typename{self._condition()}")
            if self._chance(0.1):
                parts.append(self._random.choice(parts))
        return f"{{ {' '.join(self._wrapped(parts, parent, single))} }}"

    def _wrapped(self, parts: list[str], parent: g.GraphQLNamedType, single: bool) -> Sequence[str]:
        """Some of the parts, in a fragment of one kind or another."""
        fitting = [name for name, on, _ in self._fragments if on is parent and not single]
        if fitting and self._chance(0.3):
            parts.append(f"...{self._random.choice(fitting)}{self._condition()}")
        if not self._chance(0.3):
            return parts
        at = 0 if single else self._random.randrange(len(parts))
        inside = " ".join(parts[at:])
        on = self._random.choice([parent, *self._related(parent)])
        if self._chance(0.5) and on is parent:
            name = self._new("F")
            self._fragments.append((name, parent, f"{{ {inside} }}"))
            again = f" ...{name}" if self._chance(0.3) else ""
            condition = "" if single else self._condition()
            return [*parts[:at], f"...{name}{condition}{again}"]
        if on is not parent:
            return [*parts, f"... on {on.name} {{ __typename }}"] if not single else parts
        of_type = self._random.choice(["", f" on {on.name}"])
        condition = "" if single else self._condition()
        return [*parts[:at], f"...{of_type}{condition} {{ {inside} }}"]

    def _related(self, parent: g.GraphQLNamedType) -> list[g.GraphQLNamedType]:
        if isinstance(parent, g.GraphQLObjectType):
            return list(parent.interfaces)
        if isinstance(parent, g.GraphQLInterfaceType | g.GraphQLUnionType):
            return list(self._schema.get_possible_types(parent))
        return []

    def _selection(
        self, node: g.SelectionNode, parent: g.GraphQLNamedType, single: bool
    ) -> Iterator[str]:
        if isinstance(node, g.InlineFragmentNode):
            on = parent
            if node.type_condition:
                found = self._schema.get_type(node.type_condition.name.value)
                assert found is not None
                on = found
            inside = self._selection_set(node.selection_set, on)
            yield f"... on {on.name}{self._condition()} {inside}"
            return
        assert isinstance(node, g.FieldNode)
        for _ in range(2 if not single and self._chance(0.15) else 1):
            yield self._field(node, parent, single)

    def _field(self, node: g.FieldNode, parent: g.GraphQLNamedType, single: bool) -> str:
        name = node.name.value
        if name == "__typename":
            return "__typename"
        assert isinstance(parent, g.GraphQLObjectType | g.GraphQLInterfaceType)
        definition = parent.fields[name]
        # The generator gives an alias where fields of members would stand in each other's way.
        alias = f"{node.alias.value}: " if node.alias else ""
        if definition.args or self._chance(0.2):
            alias = f"{self._new('a')}: "
        given = [self._argument(each, definition) for each in node.arguments or ()]
        arguments = f"({', '.join(given)})" if given else ""
        inside = ""
        if node.selection_set:
            inside = self._selection_set(node.selection_set, g.get_named_type(definition.type))
        condition = "" if single else self._condition()
        return f"{alias}{name}{arguments}{condition} {inside}"

    def _argument(self, node: g.ArgumentNode, definition: g.GraphQLField) -> str:
        name = node.name.value
        place = definition.args[name]
        has_default = place.default_value is not g.Undefined or place.default is not None
        return f"{name}: {self._value(node.value, place.type, has_default)}"

    def _value(self, node: g.ValueNode, type_: g.GraphQLInputType, has_default: bool) -> str:
        node = self._replaced(node, type_)
        if self._chance(0.5):
            return self._variable(node, type_, has_default)
        inner = g.get_nullable_type(type_)
        if isinstance(node, g.ListValueNode) and isinstance(inner, g.GraphQLList):
            if len(node.values) == 1 and self._chance(0.5):
                return self._value(node.values[0], inner.of_type, False)
            return f"[{', '.join(self._value(n, inner.of_type, False) for n in node.values)}]"
        if isinstance(node, g.ObjectValueNode) and isinstance(inner, g.GraphQLInputObjectType):
            fields = []
            for field in node.fields:
                place = inner.fields[field.name.value]
                given = place.default_value is not g.Undefined or place.default is not None
                value = self._value(field.value, place.type, given)
                fields.append(f"{field.name.value}: {value}")
            return f"{{{', '.join(fields)}}}"
        return g.print_ast(node)

    def _replaced(self, node: g.ValueNode, type_: g.GraphQLInputType) -> g.ValueNode:
        """A leaf's literal, as the schema at hand would rather have it."""
        inner = g.get_nullable_type(type_)
        if isinstance(inner, g.GraphQLList) and isinstance(node, g.ListValueNode):
            values = tuple(self._replaced(value, inner.of_type) for value in node.values)
            return g.ListValueNode(values=values)
        literals = self._literals.get(getattr(inner, "name", ""))
        if literals and not isinstance(node, g.NullValueNode) and self._chance(0.95):
            return g.parse_value(self._random.choice(literals))
        if isinstance(node, g.ObjectValueNode) and isinstance(inner, g.GraphQLInputObjectType):
            fields = [
                g.ObjectFieldNode(
                    name=field.name,
                    value=self._replaced(field.value, inner.fields[field.name.value].type),
                )
                for field in node.fields
            ]
            return g.ObjectValueNode(fields=tuple(fields))
        return node

    def _variable(self, node: g.ValueNode, type_: g.GraphQLInputType, has_default: bool) -> str:
        name = self._new("v")
        declared, default = str(type_), ""
        if isinstance(type_, g.GraphQLNonNull):
            if not isinstance(node, g.NullValueNode) and self._chance(0.3):
                declared, default = declared[:-1], f" = {g.print_ast(node)}"
            elif has_default and self._chance(0.3):
                declared = declared[:-1]
        elif self._chance(0.3) and not isinstance(node, g.NullValueNode):
            declared += "!"
        elif self._chance(0.3):
            default = f" = {g.print_ast(node)}"
        self._declared.append(f"${name}: {declared}{default}")
        self._send(name, value_from_ast_untyped(node), bool(default) or declared[-1] != "!")
        return f"${name}"

    def _send(self, name: str, value: Any, optional: bool) -> None:
        if self._chance(0.3 if optional else self._spoiling / 2):
            return
        self._sent[name] = spoiled(value, self._random) if self._chance(self._spoiling) else value

    def _condition(self) -> str:
        """A directive, or none: most often."""
        if not self._chance(0.15):
            return ""
        directive = self._random.choice(["include", "skip"])
        if self._chance(0.4):
            return f" @{directive}(if: {self._random.choice(['true', 'false'])})"
        name = self._new("c")
        declared, default = self._random.choice(
            [("Boolean!", ""), ("Boolean!", " = true"), ("Boolean", " = false")]
        )
        self._declared.append(f"${name}: {declared}{default}")
        self._send(name, self._random.choice([True, False]), bool(default))
        return f" @{directive}(if: ${name})"
