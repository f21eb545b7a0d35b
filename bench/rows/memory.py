"""How much memory a server process takes with everything that it holds at once."""

import http.client
from functools import partial

from bench.arena import Arena, House
from bench.comparison import Comparison
from bench.contestants import Boxoffice, asking_for_map
from bench.failure import Failure
from bench.rows.subscribers import SEATS, watch
from bench.series import Reading, interleave

MAPS = 1_000
# One process, so that it holds all of it.
PROCESSES = 1
MIB = 2**20


def memory(arena: Arena) -> list[Comparison]:
    """Resident memory of a process: idle, with 1,000 subscribers, with 1,000 shows' maps."""
    states = {
        "a process: resident memory, idle": partial(_idle, arena),
        "the same with 1,000 subscribers": partial(_subscribed, arena),
        "the same with 1,000 maps of 1,000 seats": partial(_mapped, arena),
    }
    return [
        Comparison("memory", what, "MiB", series, None, None, more_is_better=False)
        for what, series in interleave(1, states).items()
    ]


def _idle(arena: Arena) -> Reading:
    with arena.house(Boxoffice(processes=PROCESSES), 1, SEATS) as house:
        _ask_for_maps(house)
        return _resident(house)


def _subscribed(arena: Arena) -> Reading:
    with arena.house(Boxoffice(processes=PROCESSES), 1, SEATS) as house:
        watch(house, arena.plan.seconds, arena.plan.warm_up)
        return _resident(house)


def _mapped(arena: Arena) -> Reading:
    with arena.house(Boxoffice(processes=PROCESSES), MAPS, SEATS) as house:
        _ask_for_maps(house)
        return _resident(house)


def _ask_for_maps(house: House) -> None:
    """Ask for the map of each show, over one connection."""
    host, port = house.server.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    for show in house.shows:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", house.contestant.path, asking_for_map(show), headers)
        answer = connection.getresponse().read()
        if answer.count(b'"number"') != SEATS:
            raise Failure(f"not a map: {answer[:300]!r}")
    connection.close()


def _resident(house: House) -> Reading:
    return Reading(max(house.server.resident_bytes().values()) / MIB)
