"""How the load test's people ask again and come back: against a server that does as it is told."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, WSCloseCode, web

from cli.load import answers, crowd, watching
from cli.load.answers import Answer, read_answer
from cli.load.client import Client, GaveUp, open_session
from cli.load.figures import MAP_DELAY, Figures
from cli.load.ledger import Ledger
from cli.load.plan import Plan, Unusable
from cli.load.run import look_in
from cli.load.seats import SeatMap
from cli.load.visit import House, Visit
from cli.load.watching import Watch
from tests.crowd import run

BOOKING = {
    "__typename": "Booking",
    "id": "b",
    "status": "PENDING",
    "failureReason": None,
    "seatNumbers": [2],
    "expiresAt": None,
}
GIVEN = {"input": {"idempotencyKey": "k", "seatNumbers": [2]}}


def refused(code: str, **extensions: Any) -> dict[str, Any]:
    return {"errors": [{"message": "No.", "extensions": {"code": code, **extensions}}]}


@asynccontextmanager
async def answering(*said: Any) -> AsyncIterator[tuple[str, list[Any]]]:
    """A server that gives these answers in turn, None cuts the connection; what it was asked."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        answer = said[len(asked) - 1]
        if answer is None:
            assert request.transport
            request.transport.abort()
        return web.json_response(answer)

    async with listening(answer) as url:
        yield url, asked


@asynccontextmanager
async def listening(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/graphql", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
    finally:
        await runner.cleanup()


def client_of(session: ClientSession, url: str) -> tuple[Client, Figures, Ledger]:
    figures, ledger = Figures(), Ledger()
    return Client(session, url, figures, ledger), figures, ledger


@run
async def test_what_was_not_done_or_is_not_known_is_asked_again_with_the_same_key() -> None:
    said = [
        refused("UNAVAILABLE", retryAfter=0.01),
        refused("UNAVAILABLE", outcome="UNKNOWN"),
        None,
        refused("RATE_LIMITED", retryAfter=0.01),
        {"data": {"result": BOOKING}},
    ]
    async with answering(*said) as (url, asked), open_session() as session:
        client, figures, _ = client_of(session, url)
        assert await client.ask("book", GIVEN, None) == BOOKING
    assert len(asked) == 5
    assert {one["variables"]["input"]["idempotencyKey"] for one in asked} == {"k"}
    assert figures.outcomes == {
        ("book", "UNAVAILABLE"): 1,
        ("book", "UNAVAILABLE, outcome unknown"): 1,
        ("book", "no answer: broken"): 1,
        ("book", "RATE_LIMITED"): 1,
        ("book", "Booking"): 1,
    }
    assert (figures.errors, figures.whole("book").count, figures.waits["book"].count) == (4, 5, 1)


@run
async def test_what_a_client_can_only_have_got_wrong_is_not_asked_again() -> None:
    for code in ("BAD_REQUEST", "FORBIDDEN", "INTERNAL"):
        async with answering(refused(code)) as (url, asked), open_session() as session:
            client, figures, _ = client_of(session, url)
            with pytest.raises(GaveUp, match=code):
                await client.ask("book", GIVEN, None)
        assert len(asked) == 1
        assert figures.given_up == {"book": 1}


@run
async def test_what_may_have_been_done_stays_open_and_what_was_not_does_not() -> None:
    answers_to = {
        "UNAVAILABLE": refused("UNAVAILABLE", retryAfter=3600),
        "outcome": refused("INTERNAL"),
    }
    for word, said in answers_to.items():
        async with answering(said) as (url, _), open_session() as session:
            client, _, ledger = client_of(session, url)
            ledger.hear(1, "show", "book", GIVEN, BOOKING)
            with pytest.raises(GaveUp):
                await client.ask("confirm", {"id": "b"}, None)
        assert ledger.bookings["b"].unanswered == ({"confirm"} if word == "outcome" else set())


@run
async def test_time_counts_from_when_it_was_due() -> None:
    async with answering({"data": {"result": BOOKING}}) as (url, _), open_session() as session:
        client, figures, _ = client_of(session, url)
        late = figures.began_at - 5
        await client.ask("book", GIVEN, None, late)
    assert figures.whole("book").most > 5


@run
async def test_server_that_takes_no_document_of_ours_is_told_from_one_that_wants_an_admin() -> None:
    async with answering(refused("FORBIDDEN")) as (url, _), open_session() as session:
        with pytest.raises(Unusable, match="TRUSTED_DOCUMENTS"):
            await look_in(client_of(session, url)[0], None)


@run
async def test_who_calls_goes_along() -> None:
    headers = []

    async def answer(request: web.Request) -> web.Response:
        headers.append(request.headers.get("Authorization"))
        return web.json_response({"data": {"result": None}})

    async with listening(answer) as url, open_session() as session:
        client, _, _ = client_of(session, url)
        await client.ask("open", {"id": "s"}, "secret")
        await client.ask("open", {"id": "s"}, None)
    assert headers == ["Bearer secret", None]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"data":null}', b"<html>"])
def test_answer_from_anything_on_the_way_is_no_answer(body: bytes) -> None:
    answer = read_answer(body)
    assert (answer.answered, answer.maybe_done) == (False, True)
    assert answer.failure == answers.UNREADABLE


def test_pauses_grow_and_end_and_follow_the_server_where_it_says_when() -> None:
    chance = random.Random(1)
    broken = Answer(failure="broken")
    for tried, most in ((1, 0.2), (2, 0.4), (3, 0.8), (5, answers.LONGEST_BACKOFF)):
        pause = broken.pause(tried, chance)
        assert pause is not None
        assert most / 2 <= pause <= most
    assert broken.pause(answers.MOST_TRIES, chance) is None
    told = Answer(code="RATE_LIMITED", retry_after=4.0).pause(1, chance)
    assert told is not None
    assert 4 <= told <= 5
    assert Answer(code="RATE_LIMITED", retry_after=31.0).pause(1, chance) is None
    assert Answer(code="FORBIDDEN").pause(1, chance) is None


def seats(*letters: str) -> list[dict[str, Any]]:
    names = {"A": "AVAILABLE", "P": "PENDING", "C": "CONFIRMED"}
    return [{"number": n, "status": names[letter]} for n, letter in enumerate(letters, start=1)]


@run
async def test_map_that_is_cut_off_comes_back_with_its_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "COME_BACK", (0.0, 0.01))
    subscribed: list[dict[str, Any]] = []
    opened: list[dict[str, Any]] = []
    back = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["graphql-transport-ws"])
        await socket.prepare(request)
        opened.append(await socket.receive_json())
        await socket.send_json({"type": "connection_ack"})
        subscribed.append((await socket.receive_json())["payload"]["variables"])
        first = len(subscribed) == 1
        update = {"version": 7, "snapshot": True, "seats": seats("A", "P")}
        if not first:
            await socket.send_json({"type": "ping"})
            assert (await socket.receive_json())["type"] == "pong"
            update = {"version": 9, "snapshot": False, "seats": seats("C")}
        payload = {"data": {"result": update}}
        await socket.send_json({"type": "next", "id": "1", "payload": payload})
        if first:
            await socket.close(code=WSCloseCode.SERVICE_RESTART)
        else:
            await socket.send_json({"type": "ping"})  # answered when the update was taken
            assert (await socket.receive_json())["type"] == "pong"
            back.set()
            await socket.receive()
        return socket

    page, figures, ledger = SeatMap(), Figures(), Ledger()
    async with listening(serve) as url, open_session() as session:
        given: dict[str, Any] = {"id": "s", "every": 250}
        async with Watch(session, url, figures, ledger, "secret", given, page) as watch:
            watch.expect([1])
            await back.wait()
    assert [one["since"] for one in subscribed] == [None, 7]
    assert opened[0]["payload"] == {"Authorization": "Bearer secret"}
    assert (page.version, bytes(page.letters)) == (9, b"CP")
    assert figures.outcomes == {("watch", "opened"): 2, ("watch", "closed with 1012"): 1}
    assert (figures.updates.total(), figures.whole(MAP_DELAY).count) == (2, 1)


@run
async def test_map_that_is_refused_is_not_asked_for_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "COME_BACK", (0.0, 0.01))

    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response(refused("RATE_LIMITED"), status=429)

    async def close(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["graphql-transport-ws"])
        await socket.prepare(request)
        await socket.close(code=4403)
        return socket

    for handler, ended in ((refuse, "refused with 429"), (close, "closed with 4403")):
        for pause in (0.0, 60.0):
            monkeypatch.setattr(watching, "REFUSED_PAUSE", pause)
            figures = Figures()
            async with listening(handler) as url, open_session() as session:
                watch = Watch(session, url, figures, Ledger(), None, {"id": "s"}, SeatMap())
                async with watch:
                    await asyncio.sleep(0.2)
            came = figures.outcomes["watch", ended]
            assert came == 1 if pause else came > 1


@run
async def test_map_from_anything_on_the_way_is_a_refusal() -> None:
    for said in (b"\xff\xff", b"\x81\x06<html>", b"\x81\x02[]", b"\x82\x01x"):

        async def serve(request: web.Request, said: bytes = said) -> web.WebSocketResponse:
            socket = web.WebSocketResponse(protocols=["graphql-transport-ws"])
            await socket.prepare(request)
            await socket.receive_json()
            await socket.send_json({"type": "connection_ack"})
            await socket.receive_json()
            assert request.transport
            request.transport.write(said)
            await socket.receive()
            return socket

        figures = Figures()
        async with listening(serve) as url, open_session() as session:
            watch = Watch(session, url, figures, Ledger(), None, {"id": "s"}, SeatMap())
            async with watch:
                await asyncio.sleep(0.2)
        assert figures.outcomes == {("watch", answers.UNREADABLE): 1}, said


class Doorkeeper(Visit):
    """A visit that only counts who comes, and stays until the end."""

    async def run(self, due_at: float) -> None:
        self._house.figures.visits["came"] += 1
        await self._house.closing.wait()


@run
async def test_who_does_not_come_in_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "Visit", Doorkeeper)
    for people, slow in ((10, False), (10_000, True)):
        figures, ledger = Figures(), Ledger()
        client: Any = None
        house = House(
            client, figures, ledger, ("s",), lambda person: None, client, asyncio.Event(), "r"
        )
        if slow:  # nothing of ours runs meanwhile
            asyncio.get_running_loop().call_later(0.1, time.sleep, 0.4)
        await crowd.Crowd(Plan("", people, 0.5, arrivals=200.0), house).run()
        came, missing = figures.visits["came"], figures.left_out + figures.turned_away
        assert 60 < came + missing < 140
        assert (figures.turned_away > 0) == (not slow)
        assert (figures.left_out > 40) == slow
