"""Every metric of ours: its name, what it says and how finely. docs/metrics.md explains them."""

from itertools import product

from telemetry.families import Counter, Gauge, Histogram

# In seconds. A booking takes milliseconds; past some seconds nobody waits.
SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# What is decided in memory takes a hundredth of that.
SHORTEST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
# Choosing seats takes a tenth of that again.
BRIEFEST = (0.000005, 0.00001, 0.000025, *SHORTEST[:-2])
# A hold is put on record within two seconds of its deadline.
LATE = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)

STRATEGIES = ("best", "tight")
OUTCOMES = {
    "book": (
        "pending",
        "confirmed",
        "seats_unavailable",
        "replayed",
        "key_reused",
        "too_many_held",
        "no_such_seats",
        "not_found",
    ),
    "confirm": ("confirmed", "confirmed_before", "hold_expired", "not_active", "not_found"),
    "cancel": ("cancelled", "ended_before", "not_found"),
    "expire": ("expired",),
}

BOOKINGS = Counter(
    "boxoffice_bookings_total",
    "What came of bookings at the desk: each command once, and each hold that expired.",
    ("command", "outcome"),
    [pair for command, outcomes in OUTCOMES.items() for pair in product([command], outcomes)],
)
OVERLOADED = Counter(
    "boxoffice_overloaded_total",
    "Requests refused because too many were waiting, at the door or at the desk.",
    ("at",),
    [("door",), ("desk",)],
)
LIMITED = Counter(
    "boxoffice_limited_total",
    "Requests refused because their client asked too often, or had too much under way.",
    ("limit",),
    [
        (limit,)
        for limit in ("reads", "bookings", "logins", "operations", "subscriptions", "sockets")
    ],
)

DESK_WAIT = Histogram(
    "boxoffice_desk_wait_seconds",
    "How long commands waited for the transaction that settled them.",
    SHORT,
)
DESK_WAITING = Gauge("boxoffice_desk_waiting_commands", "Commands that wait at the desk.")
DESK_BATCH = Histogram(
    "boxoffice_desk_batch_commands", "Commands settled in one transaction.", SIZES
)
DESK_TRANSACTION = Histogram(
    "boxoffice_desk_transaction_seconds",
    "How long the desk's transactions took, from BEGIN to the answer to COMMIT.",
    SHORT,
)
DESK_DECISION = Histogram(
    "boxoffice_desk_decision_seconds",
    "How long it took to decide a batch, while nothing else ran in the process.",
    SHORTEST,
)
DESK_FAILURES = Counter(
    "boxoffice_desk_failures_total",
    "The desk's transactions that failed, by what was in their way.",
    ("reason",),
    [("locked",), ("interrupted",), ("disconnected",), ("unavailable",), ("fault",)],
)

SEAT_CHOICES = Counter(
    "boxoffice_seat_choices_total",
    "Choices of seats for bookings by count: all side by side, in several pieces, or no room.",
    ("strategy", "outcome"),
    product(STRATEGIES, ("together", "split", "no_room")),
)
SEATS_CHOSEN = Counter(
    "boxoffice_seat_choice_seats_total",
    "Seats that were chosen for bookings by count.",
    ("strategy",),
    product(STRATEGIES),
)
PIECES_CHOSEN = Counter(
    "boxoffice_seat_choice_pieces_total",
    "Groups of neighbours that the chosen seats are.",
    ("strategy",),
    product(STRATEGIES),
)
SEAT_CHOICE_SECONDS = Histogram(
    "boxoffice_seat_choice_seconds",
    "How long it took to choose seats for a booking by count, or to find that there is no room.",
    BRIEFEST,
    ("strategy",),
)

EXPIRY_LAG = Histogram(
    "boxoffice_expiry_lag_seconds",
    "How long after its deadline a hold's end was put on record.",
    LATE,
)
SWEEPS = Counter(
    "boxoffice_sweeps_total",
    "Sweeps for lapsed holds, by what came of them.",
    ("outcome",),
    [("done",), ("failed",)],
)
SWEEP_SECONDS = Histogram("boxoffice_sweep_seconds", "How long sweeps took.", SHORT)

SUBSCRIBERS = Gauge("boxoffice_subscribers", "Subscriptions that follow a show's seats.")
SHOWS_FOLLOWED = Gauge(
    "boxoffice_shows_followed", "Shows that somebody follows, summed over the processes."
)
UPDATES = Counter(
    "boxoffice_updates_total",
    "Updates handed to subscribers: the first, then one step each, or several folded into one.",
    ("kind",),
    [("first",), ("step",), ("folded",)],
)

OPERATIONS = Counter(
    "boxoffice_graphql_operations_total",
    "GraphQL operations that ended, by outcome: ok, an error's code, or gone.",
    ("operation", "type", "outcome"),
)
OPERATION_SECONDS = Histogram(
    "boxoffice_graphql_operation_seconds",
    "How long GraphQL operations took, but for subscriptions.",
    SHORT,
    ("operation", "type"),
)
CONNECTIONS = Gauge("boxoffice_connections", "Open connections of clients.")
CONNECTIONS_REFUSED = Counter(
    "boxoffice_connections_refused_total",
    "Connections refused because there were too many, of all or of one address.",
    ("limit",),
    [("connections",), ("connectionsOfAddress",)],
)
WEB_SOCKETS = Gauge("boxoffice_web_sockets", "Open WebSockets.")

POOL_CONNECTIONS = Gauge(
    "boxoffice_pool_connections",
    "Connections to the database: the desk's and those of reads.",
    ("pool", "state"),
)
POOL_WAITING = Gauge(
    "boxoffice_pool_waiting", "Who waits for a connection to the database.", ("pool",)
)
POOL_ERRORS = Counter(
    "boxoffice_pool_errors_total",
    "Connections to the database that could not be had in time.",
    ("pool",),
)

PROCESSES = Gauge("boxoffice_processes", "Server processes that run.")
STARTED_AT = Gauge(
    "boxoffice_start_time_seconds",
    "When the oldest process started, in seconds since 1970.",
    together=min,
)
CPU_SECONDS = Counter(
    "boxoffice_cpu_seconds_total", "Processor time of the server processes, without PostgreSQL's."
)
MEMORY = Gauge("boxoffice_resident_memory_bytes", "Memory of the server processes.")
LOOP_LAG = Histogram(
    "boxoffice_event_loop_lag_seconds",
    "How late the event loop was, looked at once a second in each process.",
    SHORT,
)
BUILD = Gauge(
    "boxoffice_build_info",
    "The versions that run; always 1.",
    ("version", "python"),
    together=max,
)

DATABASE_UP = Gauge(
    "boxoffice_database_up", "Whether the database answers: 1, or 0 for no.", together=None
)
POSTGRES = Gauge(
    "boxoffice_postgres_info", "The database's version; always 1.", ("version",), together=None
)
SHOWS = Gauge(
    "boxoffice_shows",
    "Shows to come that the seats are summed over, 10,000 at most.",
    together=None,
)
SEATS = Gauge("boxoffice_seats", "Seats of the shows to come, by state.", ("state",), together=None)
OVERDUE = Gauge(
    "boxoffice_oldest_overdue_hold_seconds",
    "How long the oldest hold that is not on record as ended is behind its deadline; 0 for none.",
    together=None,
)
