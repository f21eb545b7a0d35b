"""What the metrics ask the parts of a server process for, whenever they are told."""

from collections.abc import Callable, Mapping
from functools import partial

from db.desk import Desk
from db.overview import Glance, Overview
from db.pool import Database
from db.seat_maps import SeatMaps
from telemetry import metrics
from telemetry.families import Gauge, Labels
from transport.connections import connections

Numbers = Mapping[Labels, float]


def tell_of_parts(
    database: Database, desk: Desk, seat_maps: SeatMaps, open_sockets: Callable[[], int]
) -> None:
    """Have the metrics know the parts that this process has now."""
    metrics.DESK_WAITING.ask = lambda: {(): desk.waiting}
    metrics.SUBSCRIBERS.ask = lambda: {(): seat_maps.followers}
    metrics.SHOWS_FOLLOWED.ask = lambda: {(): seat_maps.followed}
    metrics.CONNECTIONS.ask = lambda: {(): connections.count}
    metrics.WEB_SOCKETS.ask = lambda: {(): open_sockets()}
    metrics.POOL_CONNECTIONS.ask = lambda: _pool_connections(database)
    metrics.POOL_WAITING.ask = lambda: _of_pools(database, "requests_waiting")
    metrics.POOL_ERRORS.ask = lambda: _of_pools(database, "requests_errors")


def tell_of_house(overview: Overview) -> None:
    """Have them know the house, as it was when somebody last looked."""
    metrics.DATABASE_UP.ask = lambda: {(): float(overview.latest is not None)}
    for family, tell in _OF_HOUSE.items():
        family.ask = partial(_look, overview, tell)


_OF_HOUSE: Mapping[Gauge, Callable[[Glance], Numbers]] = {
    metrics.POSTGRES: lambda glance: {(glance.version,): 1},
    metrics.SHOWS: lambda glance: {(): glance.shows},
    metrics.OVERDUE: lambda glance: {(): glance.overdue},
    metrics.SEATS: lambda glance: {
        ("available",): glance.available_seats,
        ("pending",): glance.pending_seats,
        ("confirmed",): glance.confirmed_seats,
    },
}


def _look(overview: Overview, tell: Callable[[Glance], Numbers]) -> Numbers:
    """Nothing where the database did not say."""
    return tell(overview.latest) if overview.latest else {}


def _pool_connections(database: Database) -> Numbers:
    connections: dict[Labels, float] = {}
    for name, stats in database.stats().items():
        connections[name, "idle"] = stats["pool_available"]
        connections[name, "in_use"] = stats["pool_size"] - stats["pool_available"]
        connections[name, "most"] = stats["pool_max"]
    return connections


def _of_pools(database: Database, figure: str) -> Numbers:
    return {(name,): stats.get(figure, 0) for name, stats in database.stats().items()}
