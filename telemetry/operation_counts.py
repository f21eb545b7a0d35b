"""What is counted of the operations that end."""

from telemetry.metrics import OPERATION_SECONDS, OPERATIONS
from telemetry.operations import Running

# A subscription lasts as long as somebody listens, and what is unknown was not run.
TIMED = frozenset({"query", "mutation"})


def count_operation(operation: Running) -> None:
    """Count one."""
    OPERATIONS.add(operation.name, operation.type, operation.outcome)
    if operation.type in TIMED:
        OPERATION_SECONDS.observe(operation.seconds, operation.name, operation.type)
