"""One line of the table: a figure of ours beside another's, and what the ratio has to be."""

from dataclasses import dataclass
from statistics import median

from bench.series import Series


@dataclass(frozen=True)
class Comparison:
    """Ours against a peer's, or against our own under other circumstances.

    Attributes:
        target: what ours divided by the peer's must be: at least where more is better, else at
            most. Without a peer it is what our own figure must be; None asks for nothing.
    """

    row: str
    what: str
    unit: str
    ours: Series
    peer: Series | None
    target: float | None
    more_is_better: bool = True

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the peer's, round by round; nothing where one of them has no figure."""
        if self.peer is None or self.ours.median is None or not self.peer.median:
            return []
        rounds = zip(self.ours.values, self.peer.values, strict=True)
        return [ours / theirs for ours, theirs in rounds if theirs]

    @property
    def ratio(self) -> float | None:
        """The ratio in the middle. What slows the machine for a while slows both of a round."""
        return median(self.ratios) if self.ratios else None

    @property
    def advantage(self) -> float | None:
        """How many times better ours is, whichever way that is."""
        return self.ratio if self.more_is_better or not self.ratio else 1 / self.ratio

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where there is none, or no figure to tell by."""
        found = self.ours.median if self.peer is None else self.ratio
        if found is None or self.target is None:
            return None
        return found >= self.target if self.more_is_better else found <= self.target
