"""How often somebody may ask of several processes together: with a Redis that dies and stalls."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from redis import Redis

from access import shared_counts
from access.caller import EVERYBODY, Caller, Role
from access.rates import Rates
from access.shared_counts import SharedCounts
from access.shared_rates import SHARES, SharedRates
from schema.errors import RateLimited
from server.welcome import Place, welcome
from settings import Settings, explain
from tests.crowd import run, until
from tests.redis_server import redis_server, redis_url
from tests.serving import Served, serve
from tests.tokens import SECRET

ADA = {"caller": Caller(Role.CUSTOMER, "user:ada@example.org", "ada", "Ada")}
BOB = {"caller": Caller(Role.CUSTOMER, "user:bob", "bob", "Bob")}
MOST = 40
LIMITS = f"{MOST}/day", f"{MOST}/day", "4/day"  # a day doesn't end in the middle of a test


@asynccontextmanager
async def two_processes(directory: Path) -> AsyncIterator[list[SharedRates]]:
    """What two processes have of the counts in one Redis."""
    both = [SharedRates(*LIMITS, SharedCounts(redis_url(directory))) for _ in range(2)]
    for each in both:
        await each.open()
    try:
        yield both
    finally:
        for each in both:
            await each.close()


async def counts(count: Callable[[], Awaitable[None] | None]) -> bool:
    """Whether somebody is let through."""
    try:
        if counting := count():
            await counting
    except RateLimited:
        return False
    return True


async def passes(rates: Rates, context: dict[str, Any] = ADA, fields: int = 0) -> bool:
    return await counts(lambda: rates.book(context, fields) if fields else rates.read(context))


async def fails(rates: Rates) -> bool:
    return await counts(lambda: rates.failed("address:192.0.2.1"))


@run
async def test_two_processes_let_somebody_ask_as_often_as_one(tmp_path: Path) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as both:
            passed = [await passes(both[number % 2]) for number in range(MOST + 10)]
            assert passed == [True] * MOST + [False] * 10
            assert await passes(both[0], BOB)
            for _ in range(MOST + 1):
                assert await passes(both[1], {"caller": EVERYBODY})
    apart = [Rates(*LIMITS), Rates(*LIMITS)]
    assert sum([await passes(apart[number % 2]) for number in range(3 * MOST)]) == 2 * MOST


@run
async def test_who_asks_for_all_at_once_gets_no_more(tmp_path: Path) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as both:
            asked = [passes(both[number % 2]) for number in range(3 * MOST)]
            assert sum(await asyncio.gather(*asked)) == MOST
            fields = await asyncio.gather(*(passes(each, ADA, 7) for each in both * 6))
            assert sum(fields) == MOST // 7


@run
async def test_most_who_ask_wait_for_nothing(tmp_path: Path) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as [rates, _]:
            waited = 0
            for _ in range(MOST):
                if counting := rates.read(ADA):
                    waited += 1
                    await counting
            assert waited == SHARES
            with pytest.raises(RateLimited) as refused:
                rates.read(ADA)
            assert refused.value.extensions["limit"] == {"name": "reads", "max": MOST}
            assert 0 < refused.value.extensions["retryAfter"] <= timedelta(days=1).total_seconds()


@run
async def test_a_window_ends_for_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as both:
            assert sum([await passes(both[number % 2]) for number in range(50)]) == MOST
            tomorrow = time.time() + timedelta(days=1).total_seconds()
            monkeypatch.setattr(time, "time", lambda: tomorrow)
            assert sum([await passes(both[number % 2]) for number in range(50)]) == MOST


@run
async def test_keys_tell_nobody_who_it_is_and_expire(tmp_path: Path) -> None:
    with redis_server(tmp_path), Redis.from_url(redis_url(tmp_path)) as redis:
        async with two_processes(tmp_path) as [rates, _]:
            await passes(rates)
            await passes(rates, ADA, 2)
        keys: Any = redis.keys("*")
        assert len(keys) == 2
        for key in keys:
            assert key.startswith(b"boxoffice:")
            assert b"ada" not in key
            assert 0 < int(redis.ttl(key)) <= timedelta(days=1).total_seconds()


@run
async def test_failed_log_ins_are_counted_together_and_known_before_the_next(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as both:
            for number in range(4):
                both[number % 2].check_log_ins("address:192.0.2.1")
                assert await fails(both[number % 2])
            for rates in both:
                assert not await fails(rates)
                with pytest.raises(RateLimited):
                    rates.check_log_ins("address:192.0.2.1")
                rates.check_log_ins("address:192.0.2.2")


@run
async def test_without_redis_each_counts_by_itself_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_counts, "PAUSE", timedelta(seconds=0.05))
    async with two_processes_after_a_death(tmp_path) as both:
        assert all(await asyncio.gather(*(passes(both[n % 2]) for n in range(20))))
        assert all([await passes(both[n % 2], BOB) for n in range(2 * MOST)])
        assert not await passes(both[0], BOB)
        with redis_server(tmp_path):
            await until(lambda: not any(each._counts.away for each in both))
            carl = {"caller": Caller(Role.CUSTOMER, "user:carl", "carl", "Carl")}
            passed = [await passes(both[number % 2], carl) for number in range(MOST + 10)]
            assert passed == [True] * MOST + [False] * 10
    told = [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]
    assert len([text for text in told if "can't be had" in text]) == 2  # a process, once each
    assert len([text for text in told if "is back" in text]) == 2


@asynccontextmanager
async def two_processes_after_a_death(directory: Path) -> AsyncIterator[list[SharedRates]]:
    """Counts that two processes shared until their Redis was killed."""
    with redis_server(directory) as process:
        async with two_processes(directory) as both:
            assert all([await passes(both[number % 2]) for number in range(10)])
            process.kill()
            process.wait()
            yield both


@run
async def test_nobody_waits_for_a_redis_that_stalls(tmp_path: Path) -> None:
    with redis_server(tmp_path) as process:
        async with two_processes(tmp_path) as [rates, _]:
            assert await passes(rates, BOB)
            process.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            assert all(await asyncio.gather(*(passes(rates) for _ in range(30))))
            assert time.monotonic() - begun < 5 * shared_counts.PATIENCE.total_seconds()
            assert rates._counts.away
            assert rates.read(ADA) is None  # it is in the middle of its pause
            process.send_signal(signal.SIGCONT)


@run
async def test_a_redis_that_is_not_there_is_told_of_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"redis://boss:the-password@127.0.0.1:{nobody.getsockname()[1]}/0"
        rates = SharedRates(*LIMITS, SharedCounts(url))
        await rates.open()
        assert rates._counts.away
        assert await passes(rates)
        await rates.close()
    assert "Redis can't be had (ConnectionError)" in caplog.text
    assert "the-password" not in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://:secret@a", "redis://", "redis://a:b@c:x"]
)
def test_what_is_no_redis_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(redis_url=url)  # type: ignore[arg-type]  # as the environment has it
    assert explain(refused.value).startswith("REDIS_URL: must be redis://")
    assert "secret" not in str(refused.value)


def test_a_redis_url_is_a_secret() -> None:
    settings = Settings(redis_url="redis://boss:the-password@host/0")  # type: ignore[arg-type]
    assert "the-password" not in repr(settings)


def test_the_welcome_says_where_limits_are_counted_apart() -> None:
    place = Place("here", "PostgreSQL")
    apart = Settings(auth_secret=SecretStr(SECRET), web_concurrency=4)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert "one client gets 4 times as much" in welcome(listener, place, apart)
        for changed in ({"web_concurrency": 1}, {"redis_url": "x"}, {"auth_secret": None}):
            together = apart.model_copy(update=changed)
            assert "REDIS_URL" not in welcome(listener, place, together)


def test_the_welcome_offers_what_there_is() -> None:
    place = Place("here", "PostgreSQL")
    usual = Settings(auth_secret=SecretStr(SECRET))
    trusting = usual.model_copy(update={"trusted_documents": Path("/srv/documents")})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert "the explorer" in welcome(listener, place, usual)
        screen = welcome(listener, place, trusting)
        assert "the explorer" not in screen
        assert "curl" not in screen
        assert "/srv/documents" in screen


@pytest.fixture(scope="module")
def two_sharing(
    shared_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Served]]:
    directory = tmp_path_factory.mktemp("redis")
    settings = {
        "AUTH_SECRET": SECRET,
        "RATE_LIMIT_READS": "5/day",
        "RATE_LIMIT_LOGINS": "3/day",
        "TRUSTED_PROXIES": "127.0.0.1",
        "REDIS_URL": redis_url(directory),
    }
    with (
        redis_server(directory),
        serve(shared_database_url, **settings) as first,
        serve(shared_database_url, **settings) as second,
    ):
        yield [first, second]


def ask_one(server: Served, address: str, headers: dict[str, str], **more: object) -> str | None:
    """The code of the answer to somebody from an address."""
    body = {"query": "{ __typename }", **more}
    headers = {"x-forwarded-for": address, **headers}
    errors = httpx.post(server.url, json=body, headers=headers, verify=False).json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def test_two_servers_count_together(two_sharing: list[Served]) -> None:
    def ask(number: int, **headers: str) -> str | None:
        return ask_one(two_sharing[number % 2], "198.51.100.7", headers)

    reads = [ask(number) for number in range(8)]
    assert reads == [None] * 5 + ["RATE_LIMITED"] * 3
    guesses = [ask(number, authorization=f"Bearer bo_1_{number}") for number in range(6)]
    assert guesses == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"] * 3


def test_a_wrong_hash_counts_like_what_is_read(two_sharing: list[Served]) -> None:
    wrong = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    codes = [
        ask_one(two_sharing[number % 2], "198.51.100.8", {}, extensions=wrong)
        for number in range(8)
    ]
    assert codes == ["BAD_REQUEST"] * 5 + ["RATE_LIMITED"] * 3


@run
async def test_a_redis_that_answers_nonsense_is_one_that_is_away(tmp_path: Path) -> None:
    with redis_server(tmp_path), Redis.from_url(redis_url(tmp_path)) as redis:
        async with two_processes(tmp_path) as [rates, other]:
            assert await passes(rates)
            for key in redis.keys("*"):
                redis.delete(key)
                redis.lpush(key, "no count")
            assert all(await asyncio.gather(*(passes(other) for _ in range(MOST))))
            assert other._counts.away
            assert not await passes(other)


@run
async def test_who_hangs_up_while_counts_are_asked_for_leaves_the_others_theirs(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path):
        async with two_processes(tmp_path) as [rates, _]:
            asked = [asyncio.create_task(passes(rates, who)) for who in (ADA, BOB) * 10]
            await asyncio.sleep(0)
            for task in asked[::2]:
                task.cancel()
            assert await asyncio.gather(*asked[1::2]) == [True] * 10
            assert await passes(rates)
