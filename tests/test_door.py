"""The door: a crowd is let in a few at a time, and the desk has the loop in between."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app import app, graphql
from tests.crowd import Answer, read_answer, request, run
from transport import door
from transport.door import BEGUN_AT_ONCE, MOST_WAITING, Door
from transport.http_protocol import HttpProtocol
from transport.sender import Sender

CROWD = 4 * BEGUN_AT_ONCE


class Crowd:
    """People at a door, and who of them is in."""

    def __init__(self) -> None:
        self.door = Door(asyncio.get_running_loop())
        self.inside: list[int] = []

    def come(self, number: int) -> None:
        self.door.enter(lambda: self.inside.append(number))


@run
async def test_who_comes_alone_is_let_in_at_once() -> None:
    crowd = Crowd()
    for number in range(3):
        crowd.come(number)
        assert crowd.inside[-1] == number
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@run
async def test_a_crowd_is_let_in_in_order_and_a_few_in_a_round() -> None:
    crowd = Crowd()
    for number in range(CROWD):
        crowd.come(number)
    while len(crowd.inside) < CROWD:
        before = len(crowd.inside)
        await asyncio.sleep(0)
        assert len(crowd.inside) - before <= BEGUN_AT_ONCE
    assert crowd.inside == [*range(CROWD)]


@run
async def test_who_comes_while_others_wait_goes_behind_them() -> None:
    crowd = Crowd()
    for number in range(BEGUN_AT_ONCE + 1):
        crowd.come(number)
    await asyncio.sleep(0)
    crowd.come(CROWD)
    assert crowd.inside == [*range(BEGUN_AT_ONCE + 1), CROWD]


@run
async def test_it_is_crowded_until_some_were_let_in() -> None:
    crowd = Crowd()
    for number in range(BEGUN_AT_ONCE + MOST_WAITING):
        assert not crowd.door.crowded
        crowd.come(number)
    assert crowd.door.crowded
    await asyncio.sleep(0)
    assert not crowd.door.crowded


@run
async def test_it_is_crowded_while_the_first_in_line_has_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crowd = Crowd()
    for number in range(CROWD):
        crowd.come(number)
    assert not crowd.door.crowded
    monkeypatch.setattr(door, "LONGEST_WAIT", timedelta(seconds=-1))
    assert crowd.door.crowded
    for _ in range(CROWD // BEGUN_AT_ONCE):
        await asyncio.sleep(0)
    assert not crowd.door.crowded


@asynccontextmanager
async def crowd_of(size: int) -> AsyncIterator[list[socket.socket]]:
    """Connections to the application, served by this loop."""
    config = Config(app, http=HttpProtocol, log_config=None, access_log=False, proxy_headers=False)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpProtocol(config, ServerState(), {}), "127.0.0.1", backlog=size
    )
    crowd = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(size)]
    async with server:
        yield crowd
        for one in crowd:
            one.close()


async def ask_at_once(crowd: list[socket.socket], query: str) -> list[Answer]:
    """Send on all connections before the server reads from any; returns the answers."""
    await asyncio.sleep(0.1)  # all are accepted
    for one in crowd:
        one.sendall(request(query))
    answers = []
    for one in crowd:
        reader, writer = await asyncio.open_connection(sock=one.dup())
        answer = await read_answer(reader)
        writer.close()
        assert answer
        answers.append(answer)
    return answers


async def no_context(sender: Sender) -> dict[str, Any]:
    return {}


@run
async def test_who_comes_to_a_crowded_door_is_refused_unheard_and_told_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "MOST_WAITING", 4)
    monkeypatch.setattr(graphql, "make_context", no_context)
    async with crowd_of(CROWD) as crowd:
        answers = [answer.body for answer in await ask_at_once(crowd, "{ __typename }")]
        refused = [answer["errors"][0]["extensions"] for answer in answers if "errors" in answer]
        assert refused == [{"code": "UNAVAILABLE", "retryAfter": 1}] * (CROWD - 4 - BEGUN_AT_ONCE)
        assert answers.count({"data": {"__typename": "Query"}}) == 4 + BEGUN_AT_ONCE
        # Its connection serves it when it comes again.
        [again] = await ask_at_once(crowd[-1:], "{ __typename }")
        assert again.body == {"data": {"__typename": "Query"}}
