"""What /metrics tells of a server under test, as numbers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import Served

PATIENCE = 8.0


class Scrape:
    """One answer of /metrics."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.families = {family.name: family for family in families}
        self.samples = [sample for family in families for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """The names that can be asked for."""
        return {sample.name for sample in self.samples}

    def sum(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with this name and these labels, whatever others they have."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None


def scrape(server: Served, headers: dict[str, str] | None = None) -> Scrape:
    """Ask as Prometheus does."""
    url = f"http://{server.address}/metrics"
    answer = httpx.get(url, headers=headers, verify=False, timeout=10)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


@contextmanager
def rises(
    server: Served, name: str, by: float = 1, headers: dict[str, str] | None = None, **labels: str
) -> Iterator[None]:
    """Assert that what the block does has this number rise by so much, and no more."""
    before = scrape(server, headers).sum(name, **labels) or 0.0
    yield
    after = scrape(server, headers).sum(name, **labels) or 0.0
    assert after - before == by, f"{name} {labels} rose by {after - before}"


def becomes(
    server: Served,
    name: str,
    condition: Callable[[Any], bool],
    headers: dict[str, str] | None = None,
    **labels: str,
) -> None:
    """Wait until a number is as it should be."""
    deadline = time.monotonic() + PATIENCE
    while not condition(found := scrape(server, headers).sum(name, **labels)):
        assert time.monotonic() < deadline, f"{name} {labels} is {found}"
        time.sleep(0.05)
