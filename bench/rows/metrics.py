"""What the metrics cost: bookings a second with everything counted, and with nothing."""

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from bench.arena import Arena, House
from bench.comparison import Comparison
from bench.contestants import Contestant, QuietBoxoffice, UnmeasuredBoxoffice
from bench.load import wrk
from bench.load.wrk import Load
from bench.rows.bookings import CONNECTIONS, TEN, sale_of, sell
from bench.series import Reading, Series, interleave

# Prometheus asks every fifteen seconds or so; a round is shorter than that.
SCRAPE_INTERVAL = 3.0
PATIENCE = 10.0


def counted(arena: Arena) -> list[Comparison]:
    """One random seat each, with metrics that somebody scrapes, and without."""
    ours, peer = interleave(
        arena.plan.rounds,
        {
            "Boxoffice": lambda: _measure(arena, QuietBoxoffice(), scraped=True),
            "Boxoffice without metrics": lambda: _measure(arena, UnmeasuredBoxoffice()),
        },
    ).values()
    cpu = _cpu(ours), _cpu(peer)
    return [
        Comparison("metrics", "bookings, counted and scraped", "/s", ours, peer, 0.97),
        # Whatever else the machine does tells on this less.
        Comparison("metrics", "the same: server CPU a booking", "us", *cpu, 1.03, False),
    ]


def _cpu(series: Series) -> Series:
    """What a booking took of the server's processors."""
    readings = [Reading(reading.detail["cpu_us"]) for reading in series.readings]
    return Series(series.label, readings, series.failure)


def _measure(arena: Arena, contestant: Contestant, scraped: bool = False) -> Reading:
    with arena.house(contestant, TEN.shows, TEN.seats) as house:
        sale = sale_of(house, TEN)
        wrk.book(contestant, house.server.address, sale, Load(CONNECTIONS, arena.plan.warm_up))
        load = Load(CONNECTIONS, arena.plan.seconds)
        if not scraped:
            return sell(house, sale, load)
        with _scraping(house):
            return sell(house, sale, load)


@contextmanager
def _scraping(house: House) -> Iterator[None]:
    """Ask for the metrics at intervals as long as the block lasts."""
    over = threading.Event()
    scraper = threading.Thread(target=_scrape, args=[house.server.address, over])
    scraper.start()
    try:
        yield
    finally:
        over.set()
        scraper.join()


def _scrape(address: str, over: threading.Event) -> None:
    while not over.wait(SCRAPE_INTERVAL):
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
            answer.read()
