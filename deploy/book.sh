#!/usr/bin/env bash
# Add a show, book a seat and confirm it: deploy/book.sh URL, with an admin's token in TOKEN.
# The show is called "Smoke", and stays.
set -euo pipefail
url=$1

# Posts an operation about ID; writes the id in its answer, and fails where that isn't as expected.
ask() {
    local answer expected=$1 id=$2 query=$3
    # The token comes by a pipe: no list of processes has it.
    answer=$(printf 'Authorization: Bearer %s' "${TOKEN-}" | curl --silent --show-error --max-time 20 \
        --header @- --header 'Content-Type: application/json' \
        --data "{\"query\": \"$query\", \"variables\": {\"id\": \"$id\"}}" "$url")
    if [[ $answer != *"\"$expected\""* ]]; then
        echo "There is no $expected in the answer: $answer" >&2
        exit 1
    fi
    sed 's/.*"id": *"\([^"]*\)".*/\1/' <<<"$answer"
}

what='__typename ... on Error { message }'
input='{ name: \"Smoke\", totalSeats: 10, startTime: \"2040-01-01T20:00:00Z\" }'
show=$(ask Show - "mutation { createShow(input: $input) { $what ... on Show { id } } }")
input='{ showId: $id, seatCount: 1, userName: \"Smoke\" }'
booking=$(ask PENDING "$show" \
    "mutation (\$id: ID!) { bookSeats(input: $input) { $what ... on Booking { id status } } }")
ask CONFIRMED "$booking" \
    "mutation (\$id: ID!) { confirmBooking(bookingId: \$id) { $what ... on Booking { id status } } }" >/dev/null
echo "Booked and confirmed: show $show, booking $booking."
