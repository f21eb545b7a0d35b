"""One line of the table: a figure of ours beside another's, and what the ratio has to be."""

from dataclasses import dataclass

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
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        if self.peer is None:
            return None
        ours, theirs = self.ours.median, self.peer.median
        return ours / theirs if ours is not None and theirs else None

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
