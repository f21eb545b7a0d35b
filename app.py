"""Composition: the parts of one server process, their life and their routes. `uvicorn app:app`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from openfeature import api as open_feature
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from access.addresses import Network, client_address, is_in
from access.caller import Caller, visitor
from access.doorkeeper import Doorkeeper
from access.keys import KeySet, OneSecret
from access.monitors import Monitors
from access.rates import Rates
from access.tokens import Tokens
from access.turnstile import Passage, Turnstiles
from db.api_keys import ApiKeys
from db.auditor import Auditor
from db.desk import Desk
from db.errors import Unavailable
from db.expiry import Expiry
from db.flag_watch import FlagWatch
from db.overview import Overview
from db.pool import Database
from db.seat_maps import SeatMaps
from execution.documents import read_documents
from flags.provider import FlagProvider
from flags.seat_choice import SeatChoice
from jobs.sweeper import start_sweeping
from resolvers.api import schema
from resolvers.office import Office
from schema.errors import Failure
from server.closing import Closing, on_stop_signals
from server.garbage import collect
from server.gauges import tell_of_house, tell_of_parts
from settings import Settings
from telemetry import operations
from telemetry.log import flush_log
from telemetry.operation_counts import count_operation
from telemetry.process import tell_of_process
from telemetry.pulse import all_numbers, beat
from telemetry.request_log import begin_request_log
from transport.graphql_app import GraphQLApp
from transport.last_call import last_call
from transport.last_resort import LastResort
from transport.origins import Origins, answer_preflight
from transport.pages import protected
from transport.scrape import answer_scrape, refuse_scrape
from transport.sender import Sender, sender_of
from transport.strangers import reached_from_afar, refuse_other_names, refuse_strangers

# After a stop signal the desk serves those who wait for so long. The rest are told before the
# server's grace is over that nothing was done for them.
SERVE_ON = timedelta(seconds=3)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the parts one by one, and close them in the reverse order: first the sweep."""
    settings = Settings()
    async with Closing() as closing:
        closing.callback(flush_log)
        _begin_tracing(settings, closing)
        closing.until_then("the numbers", beat(app.state.board))
        office = app.state.office = graphql.office = _furnish(settings)
        open_feature.set_provider_and_wait(office.flags.provider)
        closing.callback(open_feature.shutdown)
        _set_up_graphql(settings)
        await _open_access(settings, office.database, closing)
        token = settings.metrics_token
        app.state.monitors = Monitors(token.get_secret_value() if token else None)
        app.state.overview = Overview(office.database)
        _begin_to_count(app)
        await office.database.open()
        closing.later("the connections", office.database.close)
        closing.until_then("the look-out for changes", office.seat_maps.watch())
        closing.until_then("the look-out for flags", office.flags.watch())
        closing.later("the desk", office.desk.close)
        on_stop_signals(partial(_take_leave, office.desk))
        closing.until_then("the collector", collect())
        closing.later("the sweep", start_sweeping(office.expiry))
        yield


def _furnish(settings: Settings) -> Office:
    """The parts that resolvers use, on a database that is yet to be opened."""
    url = settings.database_url
    if url is None:
        raise RuntimeError("Set DATABASE_URL, or start with `make run`, which brings a database.")
    database = Database(url)
    seat_maps = SeatMaps(database, settings.map_cache_mb << 20)
    desk = Desk(database, on_commit=seat_maps.apply)
    flags = FlagWatch(database, FlagProvider())
    return Office(
        database,
        desk,
        seat_maps,
        Expiry(database, desk),
        Auditor(database),
        settings.max_pending_seats,
        flags,
        SeatChoice(open_feature.get_client(), flags.provider),
    )


def _set_up_graphql(settings: Settings) -> None:
    """What may be asked for, and from which pages."""
    graphql.origins = Origins(settings.origins)
    graphql.allowed_origins = list(settings.origins)
    graphql.proxies = settings.proxies
    schema.introspection = settings.introspection
    if settings.trusted_documents:
        schema.documents = read_documents(settings.trusted_documents, schema.check_document)
    if settings.trusted_documents or not settings.introspection:
        graphql.graphql_ide = None


async def _open_access(settings: Settings, database: Database, closing: Closing) -> None:
    """Who may ask, how often and how much at once."""
    keys = _keys(settings)
    if isinstance(keys, KeySet):
        closing.later("the key set", keys.close)
        await keys.open()
    rates = _rates(settings)
    closing.later("the counts", rates.close)
    tokens = Tokens(keys, settings.auth_issuer, settings.auth_audience) if keys else None
    graphql.doorkeeper = Doorkeeper(tokens, ApiKeys(database), rates)
    schema.gate = None if settings.open_to_all else rates
    graphql.turnstiles = schema.turnstiles = None if settings.open_to_all else Turnstiles()
    await rates.open()


def _begin_to_count(app: Starlette) -> None:
    """Have the metrics and the log know what there is."""
    office: Office = app.state.office
    tell_of_process()
    tell_of_parts(office.database, office.desk, office.seat_maps, lambda: graphql.open_sockets)
    tell_of_house(app.state.overview)
    operations.listen(count_operation)
    begin_request_log()
    Failure.name_request = staticmethod(operations.request_id)


def _begin_tracing(settings: Settings, closing: Closing) -> None:
    """Trace, if there is somebody to take it."""
    if settings.traces_url is None:
        return
    # Its library takes time and memory, which few need.
    from telemetry.trace_export import start_tracing

    headers = settings.otel_exporter_otlp_headers
    told = headers.get_secret_value() if headers else None
    closing.later("the traces", start_tracing(settings.traces_url, told))


def _rates(settings: Settings) -> Rates:
    """What counts how often somebody asks: in Redis, where there is one and something to count."""
    limits = settings.rate_limit_reads, settings.rate_limit_bookings, settings.rate_limit_logins
    if settings.redis_url is None or settings.open_to_all:
        return Rates(*limits)
    # Its library takes time and memory, which few need.
    from access.shared_counts import SharedCounts
    from access.shared_rates import SharedRates

    return SharedRates(*limits, SharedCounts(settings.redis_url.get_secret_value()))


def _keys(settings: Settings) -> KeySet | OneSecret | None:
    """The keys of tokens; None without access control."""
    if settings.auth_secret is not None:
        return OneSecret(settings.auth_secret.get_secret_value())
    return KeySet(settings.auth_jwks) if settings.auth_jwks is not None else None


def _take_leave(desk: Desk) -> None:
    last_call.give()
    asyncio.get_running_loop().call_later(SERVE_ON.total_seconds(), desk.turn_away)


class BoxOfficeApp(GraphQLApp):
    """GraphQL with the office at hand."""

    office: Office

    doorkeeper: Doorkeeper
    origins = Origins()
    proxies: Sequence[Network] = ()
    turnstiles: Turnstiles | None = None

    async def make_context(self, sender: Sender) -> dict[str, Any]:
        self.origins.check(sender)
        caller = await self.admit(sender)
        operations.called_by(caller.kind)
        return {"office": self.office, "caller": caller}

    async def admit(self, sender: Sender) -> Caller:
        """Say who calls, or refuse them."""
        if self.doorkeeper.open_to_all:
            refuse_other_names(sender.host)
        address = client_address(sender.peer, sender.forwarded_for, self.proxies)
        return await self.doorkeeper.admit(sender.authorization, address)

    def passage(self, sender: Sender) -> Passage | None:
        if self.turnstiles is None:
            return None
        address = client_address(sender.peer, sender.forwarded_for, self.proxies)
        return self.turnstiles.sockets.admit(visitor(address))


async def to_explorer(request: Request) -> Response:
    """Whoever types the bare address in a browser wants to see something."""
    return RedirectResponse("/graphql")


async def healthz(request: Request) -> Response:
    """The process is up."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """The process can serve: the database answers."""
    try:
        await request.app.state.office.database.ping()
    except Unavailable:
        return JSONResponse({"status": "unavailable"}, status_code=503)
    return JSONResponse({"status": "ok"})


async def metrics(request: Request) -> Response:
    """How it goes, for Prometheus."""
    sender, state = sender_of(request), request.app.state
    try:
        await state.monitors.check(sender.authorization, partial(graphql.admit, sender))
    except Exception as error:
        return refuse_scrape(error)
    await state.overview.look()
    return answer_scrape(request, all_numbers(state.board))


graphql = BoxOfficeApp(schema)
guarded_graphql = LastResort(graphql)


class BoxOffice(Starlette):
    """The routes; what is for GraphQL over HTTP needs no looking for its own.

    `plain_posts` and `refuse_plainly` are for our HTTP protocol, which doesn't take the way over
    ASGI for them; `is_proxy` is, too.
    """

    plain_posts = staticmethod(graphql.answer_plainly)
    refuse_plainly = staticmethod(graphql.refuse_plainly)

    def is_proxy(self, address: str) -> bool:
        """Whether many may come from an address."""
        return is_in(address, graphql.proxies)

    def cors_head(self, origin: str) -> Sequence[tuple[bytes, bytes]]:
        """The headers that let a page read an answer, for our HTTP protocol, too."""
        return graphql.origins.head(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            cors = self.cors_head(headers.get(b"origin", b"").decode("latin-1"))
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await answer_preflight(cors, send)
                return
            send = protected(send, cors)
        await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "lifespan"
            and graphql.doorkeeper.open_to_all
            and reached_from_afar(scope)
        ):
            await refuse_strangers(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == "/graphql":
            scope["app"] = self
            await guarded_graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


app = BoxOffice(
    routes=[
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        Route("/", to_explorer),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ],
    middleware=[Middleware(LastResort)],
    lifespan=lifespan,
)
# A redirect would lead to the host that the request names, which may be anybody's.
app.router.redirect_slashes = False
# Where there are several processes, each is given a place to leave its numbers for the others.
app.state.board = None
