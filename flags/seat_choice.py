"""The flag `seat-choice`: by which strategy a show's bookings by count are seated."""

import logging

from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from booking.seating import Strategy
from flags.provider import FlagProvider

KEY = "seat-choice"
STRATEGIES = {strategy.value: strategy for strategy in Strategy}
# Asking takes some 15 us, and a hot show would ask a thousand times a second. A sale is about a
# few shows, and whoever names others gets no more room than these.
SHOWS_REMEMBERED = 4_096

log = logging.getLogger("boxoffice.flags")


class SeatChoice:
    """Asks once for each show and revision of the flags. A show is seated by one strategy."""

    def __init__(self, client: OpenFeatureClient, provider: FlagProvider) -> None:
        self._client = client
        self._provider = provider
        self._revision: int | None = None
        self._complained_of: int | None = None
        self._known: dict[str, Strategy] = {}

    def of(self, show_id: str) -> Strategy:
        """The strategy for a show: the flag's value if the show has the flag, else BEST."""
        if self._revision != self._provider.revision or len(self._known) > SHOWS_REMEMBERED:
            self._revision = self._provider.revision
            self._known.clear()
        known = self._known.get(show_id)
        if known is None:
            known = self._known[show_id] = self._ask(show_id)
        return known

    def _ask(self, show_id: str) -> Strategy:
        found = self._client.get_string_details(KEY, Strategy.BEST, EvaluationContext(show_id))
        if found.error_code not in (None, ErrorCode.FLAG_NOT_FOUND):
            self._complain(found.error_message or "")
        if found.value not in STRATEGIES:
            self._complain(f"There is no strategy {found.value!r:.50}.")
        return STRATEGIES.get(found.value, Strategy.BEST)

    def _complain(self, mistake: str) -> None:
        """Say it once for a revision, not for each show."""
        if self._complained_of != self._revision:
            self._complained_of = self._revision
            log.warning("%s goes by %r: %s", KEY, Strategy.BEST.value, mistake)
