"""How much one document may ask for: seen before it is validated, which can be made dear."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
)

from schema.errors import TooMuch

# GraphiQL's introspection has 163 tokens, the whole contract in one query about 300. Validation
# compares fields pair by pair: 1,000 tokens cost 90 ms at the worst, 2,000 twice that, 5,000 0.6 s.
MAX_TOKENS = 1_000
# The lexer walks characters one by one even where they make no token: 100,000 take up to 45 ms.
MAX_DOCUMENT_LENGTH = 32_768
# They are counted again for each mistake, to say where it is: 50,000 of them in 8 ms.
MAX_LINES = 5_000
# GraphiQL's introspection is 15 deep, the contract 7.
MAX_DEPTH = 16
MAX_ALIASES = 50
MAX_DIRECTIVES = 50
# Each booking of a mutation is a command, and each root field of a query a statement or more.
MAX_ROOT_FIELDS = 20
MAX_OPERATIONS = 20
MAX_VARIABLES = 50
MAX_FRAGMENTS = 30
MAX_SPREADS = 60
# A name stands in the answer as often as there are objects: a hundred thousand seats.
MAX_ALIAS_LENGTH = 64
# Fields with fragments spread out, in which they can grow to a power of their length.
MAX_FIELDS = 500
# Validation compares each field with all of the same name and what they select: a pair of leaves
# takes 1 us, of others up to 25. Clients have a __typename wherever they select anything.
MAX_NAMESAKES = 60
MAX_NAMESAKES_THAT_SELECT = 40
MAX_TYPENAMES = 100
# A type leads to its fields, and they to types: without a bound, to all there are, each time.
MAX_INTROSPECTED_LISTS = 3
INTROSPECTED_LISTS = frozenset({"fields", "inputFields", "interfaces", "possibleTypes"})
# As long as ours are, about. All that GraphiQL and Apollo's tools ask for costs 5,500, and 17 ms.
INTROSPECTED_SIZES = {
    "types": 50,
    "fields": 3,
    "args": 1,
    "inputFields": 1,
    "interfaces": 1,
    "possibleTypes": 1,
    "enumValues": 1,
    "directives": 5,
    "ofType": 0.5,  # most types are not made of others
}
MAX_INTROSPECTED = 8_000
# A page of a hundred shows with all that a list shows of them costs 1,500; of twenty with their
# maps 10,000, which is refused.
MAX_COST = 5_000
PAGE_SIZE = 20

Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long lists are, where no `first` says so: by the field's name."""

    lists: Mapping[str, float] = field(default_factory=dict)
    pages: frozenset[str] = frozenset()


def bound(
    what: str, name: str, count: float, maximum: int, whose: str = "The document has"
) -> None:
    """Refuse a count above a maximum.

    Raises:
        TooMuch: it is.
    """
    if count > maximum:
        raise TooMuch(f"{whose} too many {what}: at most {maximum}.", name, maximum)


def read(text: str) -> DocumentNode:
    """Parse a document, if it is not too large.

    Raises:
        TooMuch: it is.
        GraphQLSyntaxError: it is no GraphQL.
    """
    if len(text) > MAX_DOCUMENT_LENGTH:
        raise TooMuch("The document is too long.", "characters", MAX_DOCUMENT_LENGTH)
    bound("lines", "lines", text.count("\n") + text.count("\r"), MAX_LINES)
    try:
        return parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        if f"more than {MAX_TOKENS} tokens" in error.message:
            raise TooMuch("The document has too many tokens.", "tokens", MAX_TOKENS) from None
        if "nested too deeply" in error.message:
            raise TooMuch("The document is nested too deeply.", "depth", MAX_DEPTH) from None
        raise


def check(document: DocumentNode, introspection: bool = True) -> None:
    """Refuse a document that asks for too much, whichever of its operations is run.

    Raises:
        TooMuch: it does; `limit` in the error's extensions says of what.
    """
    _Survey(document, introspection).conclude()


def cost_of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    sizes: Sizes,
) -> float:
    """How many values an operation asks for, where each list is as long as it may get."""
    return _Bill(_fragments(document), variables, sizes).cost(operation.selection_set)


def root_fields(operation: OperationDefinitionNode, document: DocumentNode) -> int:
    """How many root fields an operation of a checked document has, with its fragments."""
    return _Survey(document, introspection=True).root_fields(operation)


def pages_by_variable(operation: OperationDefinitionNode, document: DocumentNode) -> bool:
    """Whether what it costs depends on its variables."""
    return any(
        argument.name.value == "first" and isinstance(argument.value, VariableNode)
        for node in _fields(operation, document)
        for argument in node.arguments or ()
    )


def _fields(operation: OperationDefinitionNode, document: DocumentNode) -> Iterator[FieldNode]:
    waiting = [operation.selection_set, *(f.selection_set for f in _fragments(document).values())]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                yield node
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                waiting.append(node.selection_set)


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    definitions = document.definitions
    return {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}


class _Bill:
    """The cost of one operation. A fragment is reckoned up once."""

    def __init__(self, fragments: Fragments, variables: Mapping[str, Any], sizes: Sizes) -> None:
        self._fragments = fragments
        self._variables = variables
        self._sizes = sizes
        self._known: dict[str, float] = {}

    def cost(self, selections: SelectionSetNode | None) -> float:
        if selections is None:
            return 0
        total: float = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                total += self._of_fragment(node.name.value)
            elif isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):  # introspection has a bound of its own
                    total += 1 + self._length(node) * self.cost(node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                total += self.cost(node.selection_set)
        return total

    def _of_fragment(self, name: str) -> float:
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._known[name] = self.cost(fragment.selection_set) if fragment else 0
        return self._known[name]

    def _length(self, node: FieldNode) -> float:
        for argument in node.arguments or ():
            if argument.name.value == "first":
                return self._page(argument.value)
        name = node.name.value
        return PAGE_SIZE if name in self._sizes.pages else self._sizes.lists.get(name, 1)

    def _page(self, value: Any) -> int:
        size = self._variables.get(value.name.value) if isinstance(value, VariableNode) else None
        if isinstance(value, IntValueNode):
            size = int(value.value) if len(value.value) < 10 else MAX_COST
        # What is no page's size is refused where it is used.
        return size if type(size) is int and 0 < size <= MAX_COST else PAGE_SIZE


class _Survey:
    """One walk over a document: counts, depths, and fields with their fragments spread out."""

    def __init__(self, document: DocumentNode, introspection: bool) -> None:
        self._document = document
        self._introspection = introspection
        self._fragments = _fragments(document)
        self._sizes: dict[str, tuple[int, int, int, int]] = {}
        self._open: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._names: Counter[str] = Counter()
        self._names_that_select: Counter[str] = Counter()
        self._introspections: list[FieldNode] = []

    def conclude(self) -> None:
        operations = [
            d for d in self._document.definitions if isinstance(d, OperationDefinitionNode)
        ]
        bound("operations", "operations", len(operations), MAX_OPERATIONS)
        bound("fragments", "fragments", len(self._fragments), MAX_FRAGMENTS)
        for operation in operations:
            variables = operation.variable_definitions or ()
            bound("variables", "variables", len(variables), MAX_VARIABLES)
            self._count_directives(operation)
            for variable in variables:
                self._count_directives(variable)
        for fragment in self._fragments.values():
            self._of_fragment(fragment.name.value)
            self._count_directives(fragment)
        for operation in operations:
            fields, depth, lists, roots = self._of(operation.selection_set)
            bound("fields", "fields", fields, MAX_FIELDS)
            bound("levels", "depth", depth, MAX_DEPTH)
            bound("introspected lists", "introspection", lists, MAX_INTROSPECTED_LISTS)
            bound("root fields", "rootFields", roots, MAX_ROOT_FIELDS)
        bound("aliases", "aliases", self._counts["aliases"], MAX_ALIASES)
        bound("directives", "directives", self._counts["directives"], MAX_DIRECTIVES)
        bound("fragments spread", "spreads", self._counts["spreads"], MAX_SPREADS)
        bound("typenames", "typenames", self._names.pop("__typename", 0), MAX_TYPENAMES)
        for counts, maximum in (
            (self._names, MAX_NAMESAKES),
            (self._names_that_select, MAX_NAMESAKES_THAT_SELECT),
        ):
            namesakes = max(counts.values(), default=0)
            bound("fields of one name", "namesakes", namesakes, maximum)
        bill = _Bill(self._fragments, {}, Sizes(INTROSPECTED_SIZES))
        introspected = sum(bill.cost(node.selection_set) for node in self._introspections)
        bound("introspected values", "introspected", introspected, MAX_INTROSPECTED)

    def root_fields(self, operation: OperationDefinitionNode) -> int:
        return self._of(operation.selection_set)[3]

    def _of(self, selections: SelectionSetNode | None) -> tuple[int, int, int, int]:
        """Fields, levels, introspected lists one in another, and fields right here."""
        fields = depth = lists = here = 0
        for node in selections.selections if selections else ():
            self._count_directives(node)
            if isinstance(node, FieldNode):
                self._name(node)
                inner = self._of(node.selection_set)
                listed = node.name.value in INTROSPECTED_LISTS
                found = inner[0] + 1, inner[1] + 1, inner[2] + listed, 1
            elif isinstance(node, FragmentSpreadNode):
                self._counts["spreads"] += 1
                found = self._of_fragment(node.name.value)
            else:
                assert isinstance(node, InlineFragmentNode)
                found = self._of(node.selection_set)
            fields, here = fields + found[0], here + found[3]
            depth, lists = max(depth, found[1]), max(lists, found[2])
        return fields, depth, lists, here

    def _of_fragment(self, name: str) -> tuple[int, int, int, int]:
        if name in self._open:
            raise TooMuch("The document's fragments spread into each other.", "depth", MAX_DEPTH)
        if name not in self._sizes:
            self._open.add(name)
            fragment = self._fragments.get(name)
            self._sizes[name] = self._of(fragment.selection_set if fragment else None)
            self._open.remove(name)
        return self._sizes[name]

    def _name(self, node: FieldNode) -> None:
        name = node.name.value
        if name in ("__schema", "__type"):
            if not self._introspection:
                raise TooMuch("Introspection is off.", "introspection", 0)
            self._introspections.append(node)
        if node.alias:
            self._counts["aliases"] += 1
            bound("letters of an alias", "aliasLength", len(node.alias.value), MAX_ALIAS_LENGTH)
        key = node.alias.value if node.alias else name
        self._names[key] += 1
        if node.selection_set:
            self._names_that_select[key] += 1

    def _count_directives(self, node: Any) -> None:
        self._counts["directives"] += len(node.directives or ())
