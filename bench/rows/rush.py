"""Many who want few seats: how soon they are sold, and whether anybody is sent away for nothing."""

from functools import partial

from bench.arena import Arena
from bench.comparison import Comparison
from bench.contestants import Boxoffice, Contestant, Express, booking_for_group
from bench.failure import Failure
from bench.load.crowd import crowd
from bench.series import Measure, Reading, interleave
from bench.strength import best_of_processes

BOOKERS = 500
SEATS = 100
# The other show, for everybody to warm up on: seats enough that none is refused there.
WARM_SEATS = 2 * BOOKERS

GROUPS = 160
LARGEST_GROUP = 6
GROUP_SEATS = 8_000


def rush(arena: Arena) -> list[Comparison]:
    """500 bookers for 100 seats: the time until they are sold."""
    measure = partial(_rush, arena)
    contestants: dict[str, Measure] = {
        "Boxoffice": partial(measure, Boxoffice()),
        **best_of_processes(measure, Express(), more_is_better=False),
    }
    ours, peer = interleave(arena.plan.rounds, contestants).values()
    what = f"{BOOKERS} bookers, {SEATS} seats: time to sold out"
    return [Comparison("rush", what, "ms", ours, peer, 1 / 3, more_is_better=False)]


def groups(arena: Arena) -> list[Comparison]:
    """160 groups of one to six on 8,000 seats: how many are refused while seats enough are free."""
    [ours] = interleave(1, {"Boxoffice": partial(_groups, arena, Boxoffice())}).values()
    what = f"false refusals, {GROUPS} groups of 1-{LARGEST_GROUP} on {GROUP_SEATS:,} seats"
    return [Comparison("groups", what, "", ours, None, 0, more_is_better=False)]


def _rush(arena: Arena, contestant: Contestant) -> Reading:
    with arena.house(contestant, 2, WARM_SEATS) as house:
        warm, show = house.keys
        arena.postgres.run(house.database, contestant.shrink, {"show": show, "seats": SEATS})
        given = {
            "url": house.url,
            "bookers": BOOKERS,
            "seats": SEATS,
            "show": contestant.show_id(show),
            "warmShow": contestant.show_id(warm),
            "body": contestant.rush_body(),
            "booked": contestant.booked,
            "soldOut": contestant.sold_out,
        }
        with crowd("rush.mjs", **given) as bookers:
            seen = bookers.result()
        made = house.settled() - WARM_SEATS
    if seen["failed"] or not seen["booked"] == made == SEATS:
        raise Failure(f"not {SEATS} seats sold once each: {seen}, {made} on record")
    return Reading(seen["soldOutMs"], {"told_ms": seen["allToldMs"], "refused": seen["refused"]})


def _groups(arena: Arena, contestant: Contestant) -> Reading:
    with arena.house(contestant, 1, GROUP_SEATS) as house:
        given = {
            "url": house.url,
            "groups": GROUPS,
            "largest": LARGEST_GROUP,
            "show": house.shows[0],
            "body": booking_for_group(),
        }
        with crowd("groups.mjs", **given) as people:
            seen = people.result()
        made = house.settled()
    if seen["failed"] or seen["booked"] != made:
        raise Failure(f"answers differ from the record: {seen}, {made} on record")
    # Everybody left because not one seat was to be had: each that is free was refused falsely.
    left = GROUP_SEATS - seen["seats"]
    return Reading(seen["falselyRefused"] + left, {"booked": made, "refused": seen["refused"]})
