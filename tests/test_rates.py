"""How often somebody may ask, and from where they are taken to come."""

import time
from collections.abc import Iterator
from ipaddress import ip_network

import httpx
import pytest
from pydantic import ValidationError

from access.addresses import client_address
from access.caller import EVERYBODY, Caller, Role
from access.doorkeeper import Doorkeeper
from access.keys import OneSecret
from access.rates import Rates
from access.tokens import Tokens
from db.api_keys import ApiKeys, create_api_key
from db.connection import Connection
from db.pool import Database
from schema.errors import RateLimited, Unauthenticated
from settings import Settings
from tests.crowd import run
from tests.office import opened
from tests.serving import Served, serve
from tests.tokens import AUDIENCE, ISSUER, SECRET, bearer, token

ADA = {"caller": Caller(Role.CUSTOMER, "user:ada", "ada", "Ada")}
BOB = {"caller": Caller(Role.CUSTOMER, "user:bob", "bob", "Bob")}
VISITOR = {"caller": Caller(Role.VISITOR, "address:192.0.2.1")}
PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:80", "10.0.0.1"),
        ("2001:db8::1", "2a00:1::2", "2a00:1::/64"),
        ("2a00:1:0:0:ffff::2", None, "2a00:1::/64"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_only_our_own_proxies_are_believed(
    peer: str, forwarded_for: str | None, client: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == client


def rates(reads: str = "3/minute", bookings: str = "4/minute", log_ins: str = "2/minute") -> Rates:
    return Rates(reads, bookings, log_ins)


def test_each_client_and_each_kind_is_counted_apart() -> None:
    counts = rates()
    for _ in range(3):
        counts.read(ADA)
    with pytest.raises(RateLimited) as refused:
        counts.read(ADA)
    limit, wait = refused.value.extensions["limit"], refused.value.extensions["retryAfter"]
    assert limit == {"name": "reads", "max": 3}
    assert 0 < wait <= 61
    counts.read(BOB)
    counts.read(VISITOR)
    counts.book(ADA, 4)
    with pytest.raises(RateLimited):
        counts.book(ADA, 1)
    for _ in range(100):
        counts.read({"caller": EVERYBODY})


def test_the_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, now = rates(), time.time()
    counts.book(ADA, 4)
    with pytest.raises(RateLimited):
        counts.book(ADA, 1)
    monkeypatch.setattr(time, "time", lambda: now + 61)
    counts.book(ADA, 1)


@pytest.mark.parametrize("text", ["", "often", "600", "600/fortnight", "-1/minute"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="rate"):
        Settings(rate_limit_reads=text)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(trusted_proxies="10.0.0.0/8, proxy")


@pytest.fixture(scope="module")
def strict(shared_database_url: str) -> Iterator[Served]:
    settings = {
        "AUTH_SECRET": SECRET,
        "RATE_LIMIT_READS": "5/hour",
        "RATE_LIMIT_BOOKINGS": "5/hour",
        "RATE_LIMIT_LOGINS": "3/hour",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with serve(shared_database_url, **settings) as server:
        yield server


WAYS: dict[str, dict[str, str]] = {
    "short way": {"accept": "application/graphql-response+json"},
    "long way": {"accept": "application/graphql-response+json", "connection": "close"},
}


def ask(server: Served, document: str, **headers: str) -> tuple[int, str | None]:
    answer = httpx.post(server.url, json={"query": document}, headers=headers, verify=False)
    errors = answer.json().get("errors")
    return answer.status_code, errors[0]["extensions"]["code"] if errors else None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("document", ["{ __typename }", "{ nonsense }", "{"])
def test_who_asks_too_often_is_told_on_every_way(strict: Served, way: str, document: str) -> None:
    place = f"{way} {document}".encode().hex()[:6]
    headers = {**WAYS[way], "x-forwarded-for": f"198.51.{int(place[:2], 16)}.{len(document)}"}
    answers = [ask(strict, document, **headers) for _ in range(7)]
    assert [code == "RATE_LIMITED" for _, code in answers] == [False] * 5 + [True] * 2
    assert {status for status, code in answers if code == "RATE_LIMITED"} == {429}
    elsewhere = {**WAYS[way], "x-forwarded-for": "203.0.113.1"}
    assert ask(strict, "{ __typename }", **elsewhere, **bearer(f"{way} {document}"))[1] is None


@pytest.mark.parametrize("way", WAYS)
def test_the_head_says_when_to_come_again(strict: Served, way: str) -> None:
    place = {"x-forwarded-for": f"198.19.0.{len(way)}"}
    guess = {**place, "authorization": "Bearer nonsense"}

    def post(headers: dict[str, str]) -> httpx.Response:
        body = {"query": "{ __typename }"}
        return httpx.post(strict.url, json=body, headers=headers, verify=False)

    for _ in range(6):
        refused = post({**WAYS[way], **place})
        guessed = post({**WAYS[way], **guess})
    for answer in (refused, guessed):
        assert answer.status_code == 429
        told = answer.json()["errors"][0]["extensions"]["retryAfter"]
        assert answer.headers["retry-after"] == str(told)
        assert 3_500 < told <= 3_601
    # Where a refusal is a 200 only its body says so; who can't be told apart gets no 200.
    plain = post({**WAYS[way], **place, "accept": "application/json"})
    assert (plain.status_code, "retry-after" in plain.headers) == (200, False)
    assert plain.json()["errors"][0]["extensions"]["retryAfter"]
    assert "retry-after" in post({**WAYS[way], **guess, "accept": "application/json"}).headers


def test_aliases_are_counted_one_by_one(strict: Served) -> None:
    fields = " ".join(f'a{at}: cancelBooking(bookingId: "x") {{ __typename }}' for at in range(3))
    document = f"mutation {{ {fields} }}"
    assert ask(strict, document, **bearer("alias"))[1] is None
    assert ask(strict, document, **bearer("alias"))[1] == "RATE_LIMITED"
    spread = f"mutation {{ ...F }} fragment F on Mutation {{ {fields} }}"
    assert ask(strict, spread, **bearer("spread"))[1] is None
    assert ask(strict, spread, **bearer("spread"))[1] == "RATE_LIMITED"


def test_guessing_is_slowed_and_who_is_right_goes_on(strict: Served) -> None:
    place = {"x-forwarded-for": "198.18.0.1"}
    guesses = [
        ask(strict, "{ __typename }", authorization=f"Bearer bo_1_{at}", **place) for at in range(5)
    ]
    codes = [code for _, code in guesses]
    assert codes == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"] * 2
    assert ask(strict, "{ __typename }", **bearer("right"), **place)[1] is None


class WatchedKeys(ApiKeys):
    """API keys that note which were looked up in the database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked: list[str] = []

    async def find(self, text: str) -> int | None:
        self.asked.append(text)
        return await super().find(text)


async def admitted(keeper: Doorkeeper, credential: str, address: str) -> str:
    try:
        return (await keeper.admit(f"Bearer {credential}", address)).client
    except (Unauthenticated, RateLimited) as error:
        return error.code


@run
async def test_who_guesses_api_keys_asks_the_database_no_more(database_url: str) -> None:
    connection = Connection.connect(database_url, autocommit=True)
    async with await connection as conn:
        old, new = [await create_api_key(conn, name) for name in ("old", "new")]
    async with opened(database_url) as office:
        keys = WatchedKeys(office.database)
        tokens = Tokens(OneSecret(SECRET), ISSUER, AUDIENCE)
        keeper = Doorkeeper(tokens, keys, Rates("9/hour", "9/hour", "10/hour"))
        assert await admitted(keeper, old, "192.0.2.1") == "key:1"
        keys.asked.clear()
        guesses = [f"bo_1_guess{number}" for number in range(100)]
        told = [await admitted(keeper, guess, "192.0.2.1") for guess in guesses]
        assert told == ["UNAUTHENTICATED"] * 10 + ["RATE_LIMITED"] * 90
        assert keys.asked == guesses[:10]
        # Who was right before goes on, and so do tokens; another key has to wait, or come from
        # somewhere else.
        assert await admitted(keeper, old, "192.0.2.1") == "key:1"
        assert await admitted(keeper, token("ada"), "192.0.2.1") == "user:ada"
        assert await admitted(keeper, "nonsense", "192.0.2.1") == "RATE_LIMITED"
        assert await admitted(keeper, new, "192.0.2.1") == "RATE_LIMITED"
        assert await admitted(keeper, new, "192.0.2.2") == "key:2"
        assert await admitted(keeper, new, "192.0.2.1") == "key:2"
