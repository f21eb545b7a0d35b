"""A peer in the set-up that suits it best, tried out before the rounds."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.contestants import Contestant
from bench.series import Measure, Reading, interleave, say

PROCESSES = (1, 2)


def best_of_processes(
    measure: Callable[[Contestant], Reading], peer: Contestant, *, more_is_better: bool = True
) -> dict[str, Measure]:
    """The peer as one process or as two, whichever is stronger."""
    return best(
        {
            f"{peer.name}, {number} process{'es' * (number > 1)}": partial(
                measure, peer.with_(processes=number)
            )
            for number in PROCESSES
        },
        more_is_better=more_is_better,
    )


def best(variants: Mapping[str, Measure], *, more_is_better: bool = True) -> dict[str, Measure]:
    """Measure each variant once and return the one with the best figure, by its label."""
    say("  which set-up is strongest?")
    tried = interleave(1, variants)
    figures = {label: one.median for label, one in tried.items() if one.median is not None}
    choose = max if more_is_better else min
    label = choose(figures, key=figures.__getitem__) if figures else next(iter(variants))
    return {label: variants[label]}
