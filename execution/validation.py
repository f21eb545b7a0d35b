"""Validation: how many of a document's mistakes a client is told, and how much with them."""

from graphql import DocumentNode, GraphQLError, specified_rules, validate
from strawberry.schema import Schema
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

# For each the schema is searched for what may have been meant: 2 ms, perhaps.
MAX_MISTAKES = 5
# As Strawberry has them.
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


def find_mistakes(schema: Schema, document: DocumentNode, suggest: bool) -> list[GraphQLError]:
    """The first mistakes of a document, with what may have been meant where that may be told."""
    return validate(
        schema._schema,
        document,
        RULES,
        max_errors=MAX_MISTAKES,
        hide_suggestions=not suggest,
    )
