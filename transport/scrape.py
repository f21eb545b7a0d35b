"""The metrics over HTTP, as Prometheus asks for them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schema.errors import STATUS, told
from telemetry.board import Numbers
from telemetry.exposition import exposed
from transport.hints import hints


def answer_scrape(request: Request, parts: Sequence[Numbers]) -> Response:
    """All the numbers, in the format that was asked for."""
    body, content_type = exposed(parts, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type})


def refuse_scrape(error: Exception) -> Response:
    """The same error as GraphQL's clients get."""
    refusal = told(error)
    status = STATUS[refusal["extensions"]["code"]]
    response = JSONResponse({"errors": [refusal]}, status)
    response.raw_headers.extend(hints(status, bytes(response.body)))
    return response
