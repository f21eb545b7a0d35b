"""Whose bookings are whose: what customers, admins and visitors get of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from graphql import GraphQLObjectType

from access.caller import EVERYBODY, Caller, Role
from execution.guard import Guard, guards_of
from execution.selection import DEFINITION
from resolvers.api import schema
from resolvers.office import Office
from resolvers.rules import Admin, Customer
from schema import ids
from tests.crowd import run
from tests.office import lapse, new_show, opened

ADA = Caller(Role.CUSTOMER, "user:ada", "ada", "Ada")
BOB = Caller(Role.CUSTOMER, "user:bob", "bob", "Bob")
VISITOR = Caller(Role.VISITOR, "address:127.0.0.1")
SCRIPT = Caller(Role.ADMIN, "key:1")

# Who may use a root field; what stands below one belongs to whoever got it.
RULES: dict[str, type[Guard] | None] = {
    "Query.node": None,  # a show for everybody, a booking for who may see it
    "Query.show": None,
    "Query.shows": None,
    "Query.booking": Customer,
    "Query.bookings": Admin,
    "Query.audit": Admin,
    "Query.featureFlag": None,  # whoever knows the key may ask what a subject gets
    "Query.featureFlags": Admin,
    "Query.featureFlagChanges": Admin,
    "Mutation.createShow": Admin,
    "Mutation.bookSeats": Customer,
    "Mutation.confirmBooking": Customer,
    "Mutation.cancelBooking": Customer,
    "Mutation.runExpiry": Admin,
    "Mutation.setFeatureFlag": Admin,
    "Mutation.deleteFeatureFlag": Admin,
    "Subscription.seatMap": None,
    "Subscription.booking": Customer,
}
# Objects that hold nothing of anybody's, and those that only a guarded root field hands out.
OPEN_TYPES = {
    *("Show", "SeatMap", "Seat", "ShowConnection", "ShowEdge", "PageInfo", "SeatMapUpdate"),
    *("InvalidInput", "InputProblem", "NotFound", "FeatureFlagAnswer"),
}
OWN_TYPES = {
    *("Booking", "SeatsUnavailable", "HoldExpired", "BookingNotActive", "IdempotencyKeyReused"),
}
ADMINS_TYPES = {
    *("BookingConnection", "BookingEdge", "ExpiryRun", "AuditReport", "AuditDifference"),
    *("FeatureFlag", "FeatureFlagState", "FeatureFlagChange"),
}

BOOKING = "__typename ... on Booking { id userName status seatNumbers }"
BOOK = f"mutation ($input: BookSeatsInput!) {{ bookSeats(input: $input) {{ {BOOKING} }} }}"
FOREIGN = {
    "booking": "query ($id: ID!) { booking(id: $id) { status } }",
    "node": "query ($id: ID!) { node(id: $id) { id } }",
    "confirm": "mutation ($id: ID!) { confirmBooking(bookingId: $id) { __typename "
    "... on NotFound { message } } }",
    "cancel": "mutation ($id: ID!) { cancelBooking(bookingId: $id) { __typename "
    "... on NotFound { message } } }",
}
WATCH = "subscription ($id: ID!) { booking(id: $id) { status } }"
ADMINS_OWN = {
    "createShow": "mutation { createShow(input: {name: "
    '"A", startTime: "2030-01-01T20:00:00Z", totalSeats: 1}) { __typename } }',
    "runExpiry": "mutation { runExpiry { expiredBookings } }",
    "bookings": "{ bookings { pageInfo { hasNextPage } } }",
    "audit": "{ audit { shows } }",
    "setFeatureFlag": 'mutation { setFeatureFlag(input: {key: "a", percentage: 1}) '
    "{ __typename } }",
    "deleteFeatureFlag": 'mutation { deleteFeatureFlag(key: "a") { __typename } }',
    "featureFlags": "{ featureFlags { key } }",
    "featureFlagChanges": "{ featureFlagChanges { key } }",
}

Ask = Callable[..., Awaitable[Any]]


def asking(office: Office) -> Ask:
    async def ask(caller: Caller, document: str, **variables: Any) -> Any:
        context = {"office": office, "caller": caller}
        result = await schema.execute(document, variables, context)
        if result.errors:
            return result.errors[0].extensions
        assert result.data is not None
        [answer] = result.data.values()
        return answer

    return ask


def booked(show: int, *numbers: int, **more: Any) -> dict[str, Any]:
    return {"showId": ids.show_id(show), "seatNumbers": list(numbers), **more}


def test_every_field_has_its_rule() -> None:
    types = schema._schema.type_map.values()
    objects = [t for t in types if isinstance(t, GraphQLObjectType) and t.name[:2] != "__"]
    roots = {"Query", "Mutation", "Subscription"}
    assert {t.name for t in objects} == OPEN_TYPES | OWN_TYPES | ADMINS_TYPES | roots
    found: dict[str, type[Guard] | None] = {}
    for object_ in objects:
        for name, field in object_.fields.items():
            guards = guards_of(field.extensions[DEFINITION])
            assert guards is not None
            if object_.name in roots:
                found[f"{object_.name}.{name}"] = type(guards[0]) if guards else None
            else:
                assert not guards, "it is guarded at the root"
    assert found == RULES


@pytest.mark.parametrize("field", ADMINS_OWN)
@run
async def test_what_is_for_admins_is_refused_to_all_others(database_url: str, field: str) -> None:
    async with opened(database_url) as office:
        ask = asking(office)
        assert (await ask(VISITOR, ADMINS_OWN[field]))["code"] == "UNAUTHENTICATED"
        assert (await ask(ADA, ADMINS_OWN[field]))["code"] == "FORBIDDEN"
        assert "code" not in await ask(SCRIPT, ADMINS_OWN[field])


@run
async def test_a_visitor_looks_and_does_nothing_else(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        seen = await ask(
            VISITOR, "query ($id: ID!) { show(id: $id) { name } }", id=ids.show_id(show)
        )
        assert seen == {"name": "Test"}
        asked = booked(show, 1, userName="Ada")
        assert (await ask(VISITOR, BOOK, input=asked))["code"] == "UNAUTHENTICATED"
        mine = await ask(ADA, BOOK, input=booked(show, 1))
        for way, document in FOREIGN.items():
            answer = await ask(VISITOR, document, id=mine["id"])
            assert answer == await ask(VISITOR, document, id=unknown(show)), way
            assert answer is None or answer["code"] == "UNAUTHENTICATED", way


def unknown(show: int) -> str:
    return ids.booking_id(show, UUID("00000000-0000-4000-8000-000000000000"))


@pytest.mark.parametrize("way", FOREIGN)
@run
async def test_anothers_booking_is_as_one_that_does_not_exist(database_url: str, way: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        mine = await ask(ADA, BOOK, input=booked(show, 1, 2))
        house = await ask(EVERYBODY, BOOK, input=booked(show, 3, userName="Eve"))
        for id_ in (mine["id"], house["id"]):
            answer = await ask(BOB, FOREIGN[way], id=id_)
            assert answer == await ask(BOB, FOREIGN[way], id=unknown(show))
        assert (await ask(ADA, FOREIGN["booking"], id=mine["id"]))["status"] == "PENDING"
        own = await ask(ADA, FOREIGN[way], id=mine["id"])
        assert own != await ask(BOB, FOREIGN[way], id=mine["id"])
        assert (await ask(SCRIPT, FOREIGN["booking"], id=mine["id"])) is not None


@run
async def test_anothers_booking_cannot_be_watched(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        mine = await ask(ADA, BOOK, input=booked(show, 1))

        async def first(caller: Caller, id_: str) -> Any:
            context = {"office": office, "caller": caller}
            results = await schema.stream(WATCH, {"id": id_}, context)
            try:
                result = await anext(results)
                encoded = getattr(result, "encoded", None)
                return encoded or [error.formatted for error in result.errors]
            finally:
                await results.aclose()

        assert await first(ADA, mine["id"]) == b'{"data":{"booking":{"status":"PENDING"}}}'
        foreign = await first(BOB, mine["id"])
        assert foreign[0]["extensions"] == {"code": "BAD_REQUEST"}
        assert foreign == await first(BOB, unknown(show))
        refused = await first(VISITOR, mine["id"])
        assert refused[0]["extensions"] == {"code": "UNAUTHENTICATED"}


@run
async def test_a_key_is_its_owners(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        one = await ask(ADA, BOOK, input=booked(show, 1, idempotencyKey="k"))
        two = await ask(BOB, BOOK, input=booked(show, 2, idempotencyKey="k"))
        three = await ask(EVERYBODY, BOOK, input=booked(show, 3, userName="C", idempotencyKey="k"))
        assert [b["seatNumbers"] for b in (one, two, three)] == [[1], [2], [3]]
        assert await ask(ADA, BOOK, input=booked(show, 1, idempotencyKey="k")) == one


@run
async def test_a_customers_booking_is_for_the_tokens_name_and_an_admins_for_anybody(
    database_url: str,
) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        mine = await ask(ADA, BOOK, input=booked(show, 1, userName="Somebody else"))
        assert mine["userName"] == "Ada"
        boss = Caller(Role.ADMIN, "user:boss", name="Boss")
        assert (await ask(boss, BOOK, input=booked(show, 2)))["userName"] == "Boss"
        assert (await ask(boss, BOOK, input=booked(show, 3, userName="Eve")))["userName"] == "Eve"
        assert (await ask(SCRIPT, BOOK, input=booked(show, 4)))["__typename"] == "InvalidInput"


@run
async def test_a_customer_holds_no_more_than_one_may(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office, total_seats=100)
        first = await ask(ADA, BOOK, input=booked(show, *range(1, 16)))
        refused = await ask(ADA, BOOK, input={"showId": ids.show_id(show), "seatCount": 6})
        limit = {"limit": {"name": "pendingSeats", "max": 20}, "pendingSeats": 15}
        assert refused == {"code": "FORBIDDEN", **limit}
        at_once = await ask(ADA, BOOK, input=booked(show, *range(20, 41), confirm=True))
        assert at_once["code"] == "FORBIDDEN"
        assert (await ask(ADA, BOOK, input=booked(show, *range(20, 25))))["status"] == "PENDING"
        assert (await ask(BOB, BOOK, input=booked(show, *range(50, 70))))["status"] == "PENDING"
        # What is sold, cancelled or lapsed is not held.
        await ask(ADA, FOREIGN["confirm"], id=first["id"])
        second = await ask(ADA, BOOK, input=booked(show, *range(31, 46)))
        assert second["status"] == "PENDING"
        lapse(database_url, ids.parse_booking_id(second["id"])[1])  # type: ignore[index]
        assert (await ask(ADA, BOOK, input=booked(show, *range(71, 86))))["status"] == "PENDING"
        # The house holds for whom it likes.
        house = await ask(EVERYBODY, BOOK, input=booked(show, *range(16, 20), userName="House"))
        assert house["status"] == "PENDING"


@run
async def test_bookings_of_one_batch_are_bounded_together(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office, total_seats=100)
        inputs = [booked(show, *range(first, first + 10)) for first in range(1, 100, 10)]
        answers = await asyncio.gather(*(ask(ADA, BOOK, input=one) for one in inputs))
        assert sum("code" in answer for answer in answers) == 8


@run
async def test_a_show_has_a_bound_of_its_own(database_url: str) -> None:
    async with opened(database_url) as office:
        ask, show = asking(office), await new_show(office)
        with psycopg.connect(database_url) as conn:
            conn.execute("UPDATE shows SET max_pending_seats = 2 WHERE id = %s", [show])
        refused = await ask(ADA, BOOK, input=booked(show, 1, 2, 3))
        assert refused["limit"] == {"name": "pendingSeats", "max": 2}
        assert (await ask(ADA, BOOK, input=booked(show, 1, 2)))["status"] == "PENDING"
        asked = await ask(
            EVERYBODY,
            "query ($id: ID!) { show(id: $id) { maxPendingSeats } }",
            id=ids.show_id(show),
        )
        assert asked == {"maxPendingSeats": 2}


@run
async def test_a_bound_out_of_range_is_refused(database_url: str) -> None:
    async with opened(database_url) as office:
        document = (
            'mutation ($most: Int) { createShow(input: {name: "A", totalSeats: 5, '
            'startTime: "2030-01-01T20:00:00Z", maxPendingSeats: $most}) { '
            "... on InvalidInput { fields { field } } ... on Show { maxPendingSeats } } }"
        )
        ask = asking(office)
        wrong = await ask(EVERYBODY, document, most=0)
        assert wrong == {"fields": [{"field": "maxPendingSeats"}]}
        assert await ask(EVERYBODY, document, most=3) == {"maxPendingSeats": 3}
        assert await ask(EVERYBODY, document, most=None) == {"maxPendingSeats": None}
