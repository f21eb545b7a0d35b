"""What is asked, as a page would: each operation with its name, its root field as `result`."""

_TOLD = "fragment Told on Booking { id status failureReason seatNumbers expiresAt }"

BROWSE = """query LoadBrowse {
  result: shows(first: 20) {
    edges { node { id name startTime totalSeats availableSeats } }
    pageInfo { hasNextPage endCursor }
  }
}"""

OPEN = """query LoadOpen($id: ID!) {
  result: show(id: $id) {
    id name startTime totalSeats availableSeats holdSeconds
    seatMap { version seats { number row status } }
  }
}"""

WATCH = """subscription LoadWatch($id: ID!, $since: Int, $every: Int) {
  result: seatMap(showId: $id, sinceVersion: $since, everyMs: $every) {
    version snapshot seats { number status }
  }
}"""

BOOK = f"""mutation LoadBook($input: BookSeatsInput!) {{
  result: bookSeats(input: $input) {{
    __typename
    ... on Booking {{ ...Told }}
    ... on SeatsUnavailable {{ unavailable availableSeats booking {{ ...Told }} }}
    ... on IdempotencyKeyReused {{ booking {{ ...Told }} }}
    ... on InvalidInput {{ fields {{ field message }} }}
  }}
}}
{_TOLD}"""

CONFIRM = f"""mutation LoadConfirm($id: ID!) {{
  result: confirmBooking(bookingId: $id) {{
    __typename
    ... on Booking {{ ...Told }}
    ... on HoldExpired {{ booking {{ ...Told }} }}
    ... on BookingNotActive {{ booking {{ ...Told }} }}
  }}
}}
{_TOLD}"""

CANCEL = f"""mutation LoadCancel($id: ID!) {{
  result: cancelBooking(bookingId: $id) {{ __typename ... on Booking {{ ...Told }} }}
}}
{_TOLD}"""

CREATE = """mutation LoadCreate($input: CreateShowInput!) {
  result: createShow(input: $input) {
    __typename
    ... on Show { id }
    ... on InvalidInput { fields { field message } }
  }
}"""

# What is asked when the crowd has gone.

COUNT = """query LoadCount($id: ID!) {
  result: show(id: $id) {
    name totalSeats availableSeats pendingSeats confirmedSeats seatMap { version encoded }
  }
}"""

REMEMBER = f"""query LoadRemember($id: ID!) {{
  result: booking(id: $id) {{ ...Told }}
}}
{_TOLD}"""

AUDIT = """query LoadAudit($id: ID!) {
  result: audit(showId: $id) { shows changes differenceCount complete differences { message } }
}"""

OPERATIONS = {
    "browse": BROWSE,
    "open": OPEN,
    "watch": WATCH,
    "book": BOOK,
    "confirm": CONFIRM,
    "cancel": CANCEL,
    "create": CREATE,
    "count": COUNT,
    "remember": REMEMBER,
    "audit": AUDIT,
}
"""Each by the name that the figures have it under."""
