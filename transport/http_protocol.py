"""uvicorn's HTTP protocol, with a short way for plain POSTs: from parser to schema and back.

For anything else, and where anything is not as usual, it is uvicorn's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from transport.door import door_of
from transport.hints import hints
from transport.last_call import last_call
from transport.pages import WRITTEN
from transport.parting import PartingProtocol
from transport.patient_protocol import BODY
from transport.plain_post import Answer, PlainPost, read_plain_head, read_plain_post
from transport.sender import Sender

PlainPosts = Callable[[PlainPost, str, Sender], Awaitable[Answer | None]]
"""What answers plain POSTs in a media type, given who sent them; None if nothing was done, and ASGI
is to be asked."""

PATH = b"/graphql"


class _Cycle:
    """What uvicorn wants to know of a request under way."""

    __slots__ = ("answering", "disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self, message_event: asyncio.Event) -> None:
        self.answering: asyncio.Task[None] | None = None
        self.message_event = message_event
        self.response_complete = self.disconnected = False
        self.keep_alive = True


class HttpProtocol(PartingProtocol):
    """Answers plain POSTs without ASGI, if the application has `plain_posts` for them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.config.loaded_app
        usual = not self.root_path and not self.access_log and self.limit_concurrency is None
        self._plain_posts: PlainPosts | None = getattr(app, "plain_posts", None) if usual else None
        self._media_type: str | None = None
        self._sender = Sender()
        self._body = bytearray()
        self._nobody_waits = asyncio.Event()
        self._door = door_of(self.loop)

    def on_headers_complete(self) -> None:
        """Choose the way."""
        self._media_type = self._plain_media_type()
        if self._media_type is None:
            super().on_headers_complete()
        else:
            self.check_head()
            self.receiving = BODY
            self._body = bytearray()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._media_type is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Begin with the answer."""
        media_type, self._media_type = self._media_type, None
        if media_type is None:
            super().on_message_complete()
            return
        self.receiving = None
        if self._door.crowded:
            self.cycle = cast(Any, _Cycle(self._nobody_waits))
            self._write(cast(Any, self.cycle), *self.config.loaded_app.refuse_plainly(media_type))
            return
        post = read_plain_post(self._body)
        if post is None:
            self._ask_asgi(self.scope, bytes(self._body), self.cycle)
            return
        cycle: Any = _Cycle(self._nobody_waits)
        self.cycle = cycle
        begin = partial(self._begin, cycle, post, media_type, self._sender, self.scope, self._body)
        self._door.enter(begin)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let who has gone not wait at the desk any longer, nor hold seats."""
        super().connection_lost(exc)
        cycle: Any = self.cycle
        if isinstance(cycle, _Cycle) and cycle.disconnected and cycle.answering:
            cycle.answering.cancel()

    def _begin(
        self,
        cycle: _Cycle,
        post: PlainPost,
        media_type: str,
        sender: Sender,
        scope: Any,
        body: bytearray,
    ) -> None:
        if cycle.disconnected:
            return
        answering = self._answer(cycle, post, media_type, sender, scope, bytes(body))
        task = cycle.answering = self.loop.create_task(answering)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _plain_media_type(self) -> str | None:
        """The media type to answer in, for a plain POST with nothing else under way."""
        if self.url != PATH or self._plain_posts is None:
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.expect_100_continue
        ):
            return None
        self._sender = Sender(self.client[0] if self.client else "")
        return read_plain_head(self.headers, self._sender)

    async def _answer(
        self,
        cycle: _Cycle,
        post: PlainPost,
        media_type: str,
        sender: Sender,
        scope: Any,
        body: bytes,
    ) -> None:
        assert self._plain_posts is not None
        try:
            answer = await self._plain_posts(post, media_type, sender)
            if answer is None:
                self._ask_asgi(scope, body, cycle)
                return
            if self.flow.write_paused:
                await self.flow.drain()
        except BaseException:
            self.transport.close()  # the server is stopping, and the client has waited in vain
            raise
        if not (cycle.disconnected or self.transport.is_closing()):
            self._write(cycle, *answer)

    def _write(
        self, cycle: _Cycle, status: int, content_type: bytes, body: bytes, request_id: bytes
    ) -> None:
        """Send an answer in one write."""
        if last_call.given and not self.pipeline:
            cycle.keep_alive = False
        head = [STATUS_LINE[status], WRITTEN]
        more = self.server_state.default_headers
        if self._sender.origin is not None:
            more = [*more, *self.config.loaded_app.cors_head(self._sender.origin)]
        for name, value in more:
            head += name, b": ", value, b"\r\n"
        if not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        if status >= 400:
            head += [b"%b: %b\r\n" % hint for hint in hints(status, body)]
        length = len(body)
        head.append(
            b"content-length: %d\r\ncontent-type: %b\r\nx-request-id: %b\r\n\r\n"
            % (length, content_type, request_id)
        )
        self.transport.write(b"".join((*head, body)))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _ask_asgi(self, scope: Any, body: bytes, before: Any) -> None:
        """Hand a request that has come whole to the application, as uvicorn would have."""
        path = PATH.decode()
        scope.update(method="POST", path=path, raw_path=PATH, query_string=b"")
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=not last_call.given and (before is None or before.keep_alive),
            on_response=self.on_response_complete,
        )
        cycle.body += body
        cycle.more_body = False
        cycle.message_event.set()
        cycle.disconnected = before is not None and before.disconnected
        if self.cycle is before:  # else a request has come behind it, and waits
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)
