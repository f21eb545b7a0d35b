"""All that the rules look at: the records, the database, the log played again."""

from dataclasses import dataclass
from functools import cached_property

from faults.answers import Answers, sort_answers
from faults.ledger import Ledger
from faults.records import Records
from faults.replay import Replay, replay_all

# From now on nobody waits any more: longer than the longest wait that the server allows itself.
PATIENCE = 30.0


@dataclass(frozen=True)
class Evidence:
    """What there is to be judged; `patience` is how long an answer may take, in seconds."""

    records: Records
    ledger: Ledger
    patience: float = PATIENCE

    @cached_property
    def answers(self) -> Answers:
        """What the clients were told."""
        return sort_answers(self.records.requests)

    @cached_property
    def replays(self) -> dict[str, Replay]:
        """What each show's log comes to."""
        return replay_all(self.ledger)
