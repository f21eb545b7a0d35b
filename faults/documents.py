"""The operations of the load; what they select is what a run is judged by."""

_BOOKING = "id status failureReason seatNumbers createdAt expiresAt confirmedAt"

_BOOK = f"""
    mutation ($input: BookSeatsInput!) {{
        result: bookSeats(input: $input) {{
            __typename
            ... on Booking {{ {_BOOKING} }}
            ... on SeatsUnavailable {{ unavailable availableSeats booking {{ {_BOOKING} }} }}
            ... on IdempotencyKeyReused {{ booking {{ {_BOOKING} }} }}
            ... on NotFound {{ id }}
            ... on InvalidInput {{ fields {{ field message }} }}
        }}
    }}
"""
_CONFIRM = f"""
    mutation ($bookingId: ID!) {{
        result: confirmBooking(bookingId: $bookingId) {{
            __typename
            ... on Booking {{ {_BOOKING} }}
            ... on HoldExpired {{ expiredAt booking {{ {_BOOKING} }} }}
            ... on BookingNotActive {{ booking {{ {_BOOKING} }} }}
            ... on NotFound {{ id }}
        }}
    }}
"""
_CANCEL = f"""
    mutation ($bookingId: ID!) {{
        result: cancelBooking(bookingId: $bookingId) {{
            __typename
            ... on Booking {{ {_BOOKING} }}
            ... on NotFound {{ id }}
        }}
    }}
"""
CHANGES = {"bookSeats": _BOOK, "confirmBooking": _CONFIRM, "cancelBooking": _CANCEL}

CREATE = """
    mutation ($input: CreateShowInput!) {
        result: createShow(input: $input) { ... on Show { id } }
    }
"""
LOOK = "query ($id: ID!) { result: show(id: $id) { totalSeats confirmedSeats } }"
WATCH = """
    subscription ($id: ID!, $since: Int, $every: Int!) {
        seatMap(showId: $id, sinceVersion: $since, everyMs: $every) {
            version snapshot seats { number status }
        }
    }
"""
