"""Composition: the parts of one server process, their life and their routes. `uvicorn app:app`."""

import asyncio
import gc
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from types import FrameType
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

# Requests under way and their batch are some thousands of objects, and nearly all are freed without
# the collector's help. At its usual 700 it took a quarter of a busy worker's time.
COLLECT_AFTER = 50_000
# But who ends badly may leave a circle of a few objects that hold a mebibyte: so it looks at the
# latest once in a while, too, which takes some milliseconds at the most.
COLLECT_EVERY = timedelta(seconds=1)
# After a stop signal the desk serves those who wait for so long. The rest are told before the
# server's grace is over that nothing was done for them.
SERVE_ON = timedelta(seconds=3)
# Each part gets so long to close. Nobody waits for an answer by then, and a transaction that a
# database keeps open is rolled back or committed without us.
LONGEST_CLOSE = timedelta(seconds=2)

log = logging.getLogger("boxoffice")


def _spare_the_collector() -> None:
    """What is there at the start stays for good: the collector need never look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _collect() -> None:
    while True:
        await asyncio.sleep(COLLECT_EVERY.total_seconds())
        gc.collect(0)


def _on_stop_signals(act: Callable[[], None]) -> None:
    """Call `act` when a stop signal comes, before uvicorn's own handler.

    uvicorn tells the application only when the last connection has ended, and an event stream has
    no end of its own.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # some test client runs us: it gets no signals
    loop = asyncio.get_running_loop()
    stopping = False
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)

        def stop(number: int, frame: FrameType | None, handler: Any = handler) -> None:
            nonlocal stopping
            # Once is enough: to uvicorn a second Ctrl-C means that nothing is to be finished.
            if callable(handler) and not stopping:
                stopping = True
                loop.call_soon_threadsafe(act)
                handler(number, frame)

        signal.signal(number, stop)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the office, and close it in the reverse order: first the sweep, last the connections."""
    settings = Settings()
    url = settings.database_url
    if url is None:
        raise RuntimeError("Set DATABASE_URL, or start with `make run`, which brings a database.")
    database = Database(url)
    seat_maps = SeatMaps(database, settings.map_cache_mb << 20)
    desk = Desk(database, on_commit=seat_maps.apply)
    expiry = Expiry(database, desk)
    auditor, most = Auditor(database), settings.max_pending_seats
    flags = FlagWatch(database, FlagProvider())
    open_feature.set_provider_and_wait(flags.provider)
    seat_choice = SeatChoice(open_feature.get_client(), flags.provider)
    office = Office(database, desk, seat_maps, expiry, auditor, most, flags, seat_choice)
    app.state.office = graphql.office = office
    graphql.origins = Origins(settings.origins)
    graphql.allowed_origins = list(settings.origins)
    schema.introspection = settings.introspection
    if settings.trusted_documents:
        schema.documents = read_documents(settings.trusted_documents, schema.check_document)
    if settings.trusted_documents or not settings.introspection:
        graphql.graphql_ide = None
    rates = _rates(settings)
    schema.gate = None if settings.open_to_all else rates
    graphql.turnstiles = schema.turnstiles = None if settings.open_to_all else Turnstiles()
    graphql.proxies = settings.proxies
    keys = _keys(settings)
    if isinstance(keys, KeySet):
        await keys.open()
    tokens = Tokens(keys, settings.auth_issuer, settings.auth_audience) if keys else None
    graphql.doorkeeper = Doorkeeper(tokens, ApiKeys(database), rates)
    token = settings.metrics_token
    app.state.monitors = Monitors(token.get_secret_value() if token else None)
    app.state.overview = Overview(database)
    _begin_to_count(app)
    stop_tracing = _start_tracing(settings)
    await database.open()
    await rates.open()
    _on_stop_signals(partial(_take_leave, desk))
    _spare_the_collector()
    collecting = asyncio.create_task(_collect())
    beating = asyncio.create_task(beat(app.state.board))
    watchers = {asyncio.create_task(each.watch()) for each in (seat_maps, flags)}
    stop_sweeping = start_sweeping(expiry)
    try:
        yield
    finally:
        await _close("the sweep", stop_sweeping())
        await _close("the desk", desk.close())
        collecting.cancel()
        for watcher in watchers:
            watcher.cancel()
        await _close("the look-out for changes", asyncio.wait(watchers))
        await _close("the connections", database.close())
        await _close("the counts", rates.close())
        if isinstance(keys, KeySet):
            await _close("the key set", keys.close())
        open_feature.shutdown()
        beating.cancel()
        await _close("the numbers", asyncio.wait({beating}))
        if stop_tracing:
            await _close("the traces", stop_tracing())
        flush_log()


def _begin_to_count(app: Starlette) -> None:
    """Have the metrics and the log know what there is."""
    office: Office = app.state.office
    tell_of_process()
    tell_of_parts(office.database, office.desk, office.seat_maps, lambda: graphql.open_sockets)
    tell_of_house(app.state.overview)
    operations.listen(count_operation)
    begin_request_log()
    Failure.name_request = staticmethod(operations.request_id)


def _start_tracing(settings: Settings) -> Callable[[], Coroutine[Any, Any, None]] | None:
    """Trace, if there is somebody to take it; returns what ends that."""
    if settings.traces_url is None:
        return None
    # Its library takes time and memory, which few need.
    from telemetry.trace_export import start_tracing

    headers = settings.otel_exporter_otlp_headers
    return start_tracing(settings.traces_url, headers.get_secret_value() if headers else None)


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


async def _close(part: str, closing: Coroutine[Any, Any, object]) -> None:
    """Close a part, or leave it if it takes too long: a database that hangs must not keep us."""
    task = asyncio.create_task(closing)
    await asyncio.wait({task}, timeout=LONGEST_CLOSE.total_seconds())
    if task.done():
        task.result()
    else:
        log.warning("%s did not close in time", part)


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
