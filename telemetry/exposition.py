"""The metrics as Prometheus reads them, in the format that it asks for."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from telemetry.board import Numbers
from telemetry.families import Cell, Family, Gauge, Histogram, add_up, families


def exposed(parts: Sequence[Numbers], accept: str) -> tuple[bytes, str]:
    """What all processes have to tell, encoded, and its content type.

    Args:
        accept: the header of that name; empty where there is none, and as good as that where it
            asks for a version that is no number.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):
        encode, content_type = choose_encoder("")
    return encode(_Told(parts)), content_type


class _Told(Collector):
    """Numbers as prometheus-client takes them from whoever counts by themselves."""

    def __init__(self, parts: Sequence[Numbers]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        for family in families.values():
            yield _metric(family, self._parts)


def _metric(family: Family, parts: Sequence[Numbers]) -> Metric:
    if isinstance(family, Gauge) and family.together is None:
        cells = add_up([family.now()])
    else:
        together = family.together if isinstance(family, Gauge) else sum
        cells = add_up([part.get(family.name, {}) for part in parts], together or sum)
    if isinstance(family, Histogram):
        histogram = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        for labels, cell in cells.items():
            histogram.add_metric(labels, list(_buckets(family, cell)), sum_value=cell[0])
        return histogram
    kind = GaugeMetricFamily if isinstance(family, Gauge) else CounterMetricFamily
    metric = kind(family.name, family.text, labels=family.labels)
    for labels, cell in cells.items():
        metric.add_metric(labels, cell[0])
    return metric


def _buckets(family: Histogram, cell: Cell) -> Iterator[tuple[str, float]]:
    """Each bucket's upper end, with how many were no larger."""
    ends = [*map(floatToGoString, family.bounds), "+Inf"]
    return zip(ends, accumulate(cell[1:]), strict=True)
