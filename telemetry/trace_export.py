"""Where traces go: to a collector over OTLP/HTTP, in batches, behind everybody's back."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import Attributes

from telemetry import traces
from telemetry.tracing import BATCH, Tracing

log = logging.getLogger("boxoffice.traces")


def start_tracing(endpoint: str, headers: str | None) -> Callable[[], Coroutine[Any, Any, None]]:
    """Send this process's spans to a collector; returns what sends the last and ends it.

    What else can be set, OTEL_TRACES_SAMPLER say, the library reads from the environment.

    Args:
        endpoint: the URL that takes traces.
        headers: to be sent along, as OTEL_EXPORTER_OTLP_HEADERS has them.
    """
    parsed = parse_env_headers(headers or "", liberal=True)
    # It says each time what failed, with what was sent; we say it once.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    exporter = _Exporter(OTLPSpanExporter(endpoint=endpoint, headers=parsed))
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.sampler = _Sampler(provider.sampler)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    traces.tracing = Tracing(provider.get_tracer("boxoffice"))

    async def stop() -> None:
        traces.tracing = None
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            provider.shutdown()
            with suppress(RuntimeError):  # nobody has waited for it
                loop.call_soon_threadsafe(ended.set)

        # Of its own, and a daemon: a collector that hangs must not keep the process.
        Thread(target=shut_down, name="traces", daemon=True).start()
        await ended.wait()

    return stop


class _Sampler(Sampler):
    """As the environment has it; but a batch goes with its commands, of which one is sampled."""

    def __init__(self, usual: Sampler) -> None:
        self._usual = usual

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if name == BATCH:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._usual.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        return f"{self._usual.get_description()}, with batches"


class _Exporter(SpanExporter):
    """Says once when traces can't be delivered, and once when they can again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._delivers = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        delivers = result is SpanExportResult.SUCCESS
        if delivers is not self._delivers:
            self._delivers = delivers
            if delivers:
                log.warning("traces are delivered again")
            else:
                log.warning("traces can't be delivered, and are dropped until they can")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _resource() -> Resource:
    found = Resource.create()
    if not str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found  # OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say it
    return found.merge(Resource({SERVICE_NAME: "boxoffice", "process.pid": os.getpid()}))
