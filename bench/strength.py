"""A peer in the set-up that suits it best, tried out before the rounds."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.contestants import Contestant
from bench.series import Measure, Reading, interleave, say

PROCESSES = (1, 2)


def best_of_processes(
    measure: Callable[[Contestant], Reading], peer: Contestant
) -> dict[str, Measure]:
    """The peer as one process or as two, whichever is stronger."""
    return best(
        {
            f"{peer.name}, {number} process{'es' * (number > 1)}": partial(
                measure, peer.with_(processes=number)
            )
            for number in PROCESSES
        }
    )


def best(variants: Mapping[str, Measure]) -> dict[str, Measure]:
    """Measure each variant once and return the one with the highest figure, by its label."""
    say("  which set-up is strongest?")
    tried = interleave(1, variants)
    label = max(tried, key=lambda label: tried[label].median or 0.0)
    return {label: variants[label]}
