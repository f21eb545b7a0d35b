"""Time tells nobody what an answer hides: whether somebody else's booking is there."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import httpx
import pytest

from tests.attacks.attack import ADA, ADMIN, BOB
from tests.attacks.ids import ASKS, booking_nobody_has
from tests.attacks.siege import BOOK, CREATE, GUARDED, made
from tests.serving import Served, serve
from tests.tokens import SECRET

ASKED = 150
TRIES = 4
# Of medians, between one and the other; it is within 5 % where nothing else is going on.
NOISE = 1.2


@pytest.fixture(scope="module")
def guarded(shared_database_url: str) -> Iterator[Served]:
    with serve(shared_database_url, AUTH_SECRET=SECRET, **GUARDED) as server:
        yield server


@pytest.mark.parametrize("verb", ASKS)
def test_anothers_booking_takes_as_long_as_one_that_does_not_exist(
    guarded: Served, verb: str
) -> None:
    show = made(guarded, CREATE, ADMIN)
    there, not_there = made(guarded, BOOK, ADA, show=show), booking_nobody_has(show)
    document, nothing = ASKS[verb]
    with httpx.Client(verify=False, headers={"authorization": BOB}) as client:
        for _ in range(TRIES):
            first, second = [], []
            for _ in range(ASKED):
                first.append(seconds(client, guarded, document, there, nothing))
                second.append(seconds(client, guarded, document, not_there, nothing))
            ratio = median(first) / median(second)
            if 1 / NOISE < ratio < NOISE:
                break
    assert 1 / NOISE < ratio < NOISE


def seconds(client: httpx.Client, server: Served, document: str, id_: str, nothing: Any) -> float:
    body = {"query": document, "variables": {"id": id_}}
    began = time.perf_counter()
    answer = client.post(server.url, json=body)
    took = time.perf_counter() - began
    assert answer.json() == {"data": nothing}
    return took
