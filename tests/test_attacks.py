"""Whatever a hostile client tries is refused with its code, for little, and leaves nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jwt
import pytest

from tests.attacks import meters
from tests.attacks.attack import ADA, ADMIN, Attack, Outcome, Way
from tests.attacks.bodies import BODIES
from tests.attacks.browsers import BROWSERS
from tests.attacks.documents import DOCUMENTS
from tests.attacks.ids import IDS
from tests.attacks.siege import Siege, besieged, made
from tests.attacks.sockets import SOCKETS
from tests.attacks.texts import FORGED, TEXTS
from tests.attacks.tokens import EC, RSA, TOKENS
from tests.attacks.wire import WIRE
from tests.tokens import claims

TABLES = {
    "documents": DOCUMENTS,
    "tokens": TOKENS,
    "bodies": BODIES,
    "browsers": BROWSERS,
    "sockets": SOCKETS,
    "ids": IDS,
    "texts": TEXTS,
    "wire": WIRE,
}
FAMILIES = {
    f"{table}, {family}": rows
    for table, families in TABLES.items()
    for family, rows in families.items()
}
ATTACKS = {
    f"{family}: {attack.name}": attack for family, rows in FAMILIES.items() for attack in rows
}
needs_meters = pytest.mark.skipif(not meters.METERED, reason="the kernel does not count")
ROUNDS = 2
# Python takes memory from the machine by the megabyte.
GROWTH = 8 << 20
PATIENCE = 10.0


@pytest.fixture(scope="module")
def siege(shared_database_url: str) -> Iterator[Siege]:
    with besieged(shared_database_url) as found:
        yield found


def told(outcome: Outcome | Attack) -> tuple[Any, ...]:
    return outcome.status, outcome.code, outcome.limit, outcome.data


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) == sum(map(len, FAMILIES.values())), "two have the same name"
    assert len(ATTACKS) >= 120
    ways = {attack.way for attack in ATTACKS.values()}
    assert ways == set(Way)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_for_little(siege: Siege, name: str) -> None:
    attack, before = ATTACKS[name], siege.rows()
    outcome, seconds = siege.measure(attack)
    assert told(outcome) == told(attack), outcome.text[:500]
    assert seconds < meters.DEAR
    assert siege.rows() == before


@needs_meters
@pytest.mark.parametrize("family", FAMILIES)
def test_attacks_leave_no_memory_behind(siege: Siege, family: str) -> None:
    rows = FAMILIES[family]
    pid = siege.server_of(rows[0])
    for attack in rows:
        siege.send(attack)
    before = meters.resident_bytes(pid)
    for attack in rows * ROUNDS:
        siege.send(attack)
    assert meters.resident_bytes(pid) - before < GROWTH


@pytest.mark.parametrize("way", [Way.POST, Way.LONG, Way.GET, Way.STREAM, Way.SOCKET])
@pytest.mark.parametrize("caller", [None, ADA, ADMIN], ids=["visitor", "customer", "admin"])
def test_what_is_right_passes_on_every_way(siege: Siege, way: Way, caller: str | None) -> None:
    right = Attack("none", "{ shows { pageInfo { hasNextPage } } }", way, caller)
    expected = {"shows": {"pageInfo": {"hasNextPage": False}}}
    status = 0 if way is Way.SOCKET else 200
    assert told(siege.send(right)) == (status, None, None, expected)


@pytest.mark.parametrize(("key", "algorithm", "name"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec")])
@pytest.mark.parametrize("way", [Way.POST, Way.SOCKET])
def test_a_right_token_is_believed_by_its_key(
    siege: Siege, key: Any, algorithm: str, name: str, way: Way
) -> None:
    text = jwt.encode(claims("boss", roles=["admin"]), key, algorithm, headers={"kid": name})
    right = Attack("none", "{ audit { shows } }", way, f"Bearer {text}", keys=True)
    assert siege.send(right).data is not None


@pytest.fixture(scope="module")
def stadium(siege: Siege) -> str:
    """The id of a show with a hundred thousand seats."""
    create = (
        'mutation { made: createShow(input: {name: "Stadium", startTime: "2030-01-01T20:00:00Z", '
        "totalSeats: 100000}) { ... on Show { id } } }"
    )
    return made(siege.served, create, ADMIN)


def whole_map(stadium: str, fields: str) -> Attack:
    return Attack("none", f'{{ show(id: "{stadium}") {{ seatMap {{ seats {{ {fields} }} }} }} }}')


@needs_meters
def test_the_meter_notices_what_is_dear(siege: Siege, stadium: str) -> None:
    pid = siege.served.process.pid
    before = meters.settled_seconds(pid)
    assert siege.send(whole_map(stadium, "number label status")).data
    assert meters.settled_seconds(pid) - before > meters.DEAR


@needs_meters
def test_the_meter_notices_what_stays_in_memory(siege: Siege) -> None:
    # The server that has had less to do, so that there is no room left over in it.
    host, _, port = siege.keys_served.address.rpartition(":")
    pid = siege.keys_served.process.pid
    head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    begun = f"{head}content-length: 1000000\r\n\r\n".encode() + b" " * 900_000
    before = meters.resident_bytes(pid)
    with ExitStack() as connections:
        for _ in range(30):
            client = connections.enter_context(socket.create_connection((host, int(port))))
            client.sendall(begun)
        deadline = time.monotonic() + PATIENCE
        while meters.resident_bytes(pid) - before <= GROWTH:
            assert time.monotonic() < deadline, "it was not noticed"
            time.sleep(0.01)


@needs_meters
def test_maps_of_a_stadium_take_the_room_that_is_for_maps(siege: Siege, stadium: str) -> None:
    pid = siege.served.process.pid
    before = meters.resident_bytes(pid)
    for fields in ("number", "row", "label", "status", "a: number", "b: number"):
        assert siege.send(whole_map(stadium, fields)).data
    # MAP_CACHE_MB, and an answer on its way.
    assert meters.resident_bytes(pid) - before < 100 << 20


def test_nobody_writes_the_log_but_us(siege: Siege) -> None:
    for rows in (*TEXTS.values(), *BROWSERS.values(), BODIES["large"]):
        for attack in rows:
            siege.send(attack)
    lines = siege.log.read_bytes()
    assert FORGED.encode() not in lines
    assert not set(lines) & (set(range(32)) - {9, 10})
    assert b"Traceback" not in lines, lines.decode()
