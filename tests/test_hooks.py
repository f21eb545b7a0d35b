"""Strawberry's private hooks that we override: that they are there, as we know them, and are used.

Nobody promises them. An upgrade that moves one would leave ours uncalled, and say nothing.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from strawberry.asgi import GraphQL
from strawberry.http.async_base_view import AsyncBaseHTTPView
from strawberry.schema import Schema as TheirSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)

from execution.schema import Schema
from transport.graphql_app import GraphQLApp
from transport.web_socket import SocketHandler

HANDLER = BaseGraphQLTransportWSHandler
# Ours, theirs, and what of theirs calls it.
HOOKS: list[tuple[type, type, str, type]] = [
    (Schema, TheirSchema, "_create_execution_context", TheirSchema),
    (GraphQLApp, GraphQL, "_create_streaming_response", AsyncBaseHTTPView),
    (SocketHandler, HANDLER, "_send_result_stream", HANDLER),
    (SocketHandler, HANDLER, "_get_pre_execution_close_reason", HANDLER),
]


def parameters(method: Callable[..., Any]) -> list[tuple[str, Any, bool]]:
    """Name, kind and whether it may be left out, of each parameter."""
    return [
        (each.name, each.kind, each.default is not each.empty)
        for each in inspect.signature(method).parameters.values()
    ]


@pytest.mark.parametrize(("ours", "theirs", "name", "user"), HOOKS, ids=[hook[2] for hook in HOOKS])
def test_a_hook_is_as_we_know_it(ours: type, theirs: type, name: str, user: type) -> None:
    assert issubclass(ours, theirs)
    assert name in vars(ours), f"{ours.__name__} no longer overrides {name}: leave it out here"
    assert hasattr(theirs, name), f"Strawberry no longer has {name}: ours is never called"
    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name)), (
        f"Strawberry calls {name} in another way"
    )
    source = inspect.getsource(user)
    assert f"self.{name}(" in source, f"Strawberry no longer calls {name}: ours is never called"
    for kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        assert kind(getattr(ours, name)) == kind(getattr(theirs, name)), name
