"""Variables as closures: what a client sent, checked and coerced as its type says.

A closure knows the regular case only. What is wrong, or merely unusual, raises Irregular: the
stock executor then takes the whole operation, and says what there is to say.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value

from execution.variables import MAX_VARIABLE_LIST

Coerce = Callable[[Any], Any]
Values = dict[str, Any]

LARGEST_INT = 2**31 - 1


class Irregular(Exception):
    """Not a case for closures."""


def compile_variables(
    schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode]
) -> Callable[[Mapping[str, Any]], Values]:
    """Compile what makes an operation's variables of what was sent.

    Raises:
        Irregular: here for types that only the stock executor knows, in the closure for values
            that it had better look at.
    """
    steps = [_compile_variable(schema, definition) for definition in definitions]

    def coerce(sent: Mapping[str, Any]) -> Values:
        values: Values = {}
        for name, type_coerce, default, required in steps:
            value = sent.get(name, Undefined)
            if value is not Undefined:
                values[name] = type_coerce(value)
            elif default is not Undefined:
                values[name] = default
            elif required:
                raise Irregular
        return values

    return coerce


def _compile_variable(
    schema: GraphQLSchema, definition: VariableDefinitionNode
) -> tuple[str, Coerce, Any, bool]:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, Exception):
        raise Irregular
    try:
        default = coerce_default_value(signature)
    except TypeError:
        raise Irregular from None
    required = isinstance(signature.type, GraphQLNonNull)
    return signature.name, compile_type(signature.type), default, required


def compile_type(type_: GraphQLInputType, above: tuple[str, ...] = ()) -> Coerce:
    """Compile the coercion to an input type; `above` has the input objects it stands in."""
    if isinstance(type_, GraphQLNonNull):
        return _not_null(compile_type(type_.of_type, above))
    if isinstance(type_, GraphQLList):
        return _list(compile_type(type_.of_type, above))
    if isinstance(type_, GraphQLInputObjectType):
        return _input_object(type_, above)
    return _nullable(_leaf(type_))


def _not_null(coerce: Coerce) -> Coerce:
    def coerce_not_null(value: Any) -> Any:
        if value is None:
            raise Irregular
        return coerce(value)

    return coerce_not_null


def _nullable(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _list(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> Any:
        if type(value) is list:
            if len(value) > MAX_VARIABLE_LIST:
                raise Irregular
            return [coerce(item) for item in value]
        return None if value is None else [coerce(value)]

    return coerce_list


def _input_object(type_: GraphQLInputObjectType, above: tuple[str, ...]) -> Coerce:
    if type_.name in above or type_.is_one_of or _has_out_type(type_):
        raise Irregular
    fields = type_.fields
    inside = (*above, type_.name)
    steps = [
        (
            name,
            field.out_name or name,
            compile_type(field.type, inside),
            coerce_default_value(field),
            is_required_input_field(field),
        )
        for name, field in fields.items()
    ]

    def coerce_input_object(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dict or not value.keys() <= fields.keys():
            raise Irregular
        values: Values = {}
        for name, out_name, coerce, default, required in steps:
            if name in value:
                values[out_name] = coerce(value[name])
            elif default is not Undefined:
                values[out_name] = default
            elif required:
                raise Irregular
        return values

    return coerce_input_object


def _has_out_type(type_: GraphQLInputObjectType) -> bool:
    return type_.out_type is not GraphQLInputObjectType.out_type


def _leaf(type_: GraphQLLeafType) -> Coerce:
    def coerce_by_stock(value: Any) -> Any:
        try:
            coerced = type_.coerce_input_value(value)
        except Exception:
            raise Irregular from None
        if coerced is Undefined:
            raise Irregular
        return coerced

    if type_ is GraphQLString or type_ is GraphQLID:
        return lambda value: value if type(value) is str else coerce_by_stock(value)
    if type_ is GraphQLBoolean:
        return lambda value: value if type(value) is bool else coerce_by_stock(value)
    if type_ is GraphQLInt:
        return lambda value: (
            value
            if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT
            else coerce_by_stock(value)
        )
    return coerce_by_stock
