#!/usr/bin/env bash
# Build the image, start compose.yaml in a house of its own, and book a seat through all of it.
#
#     make smoke          PUBLISH=127.0.0.1:18000 is where
#
# Whatever comes of it, the house is taken down again, with its data. Not beside one that runs on
# this machine: it would have the same addresses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PUBLISH=${PUBLISH:-127.0.0.1:18000}

compose() {
    docker compose --project-name boxoffice-smoke "$@"
}

take_down() {
    local status=$?
    [[ $status == 0 ]] || compose logs --tail 50
    compose down --volumes
    exit "$status"
}

deploy/secrets.sh
trap take_down EXIT
compose up --build --detach --wait --wait-timeout 180
TOKEN=$(compose exec -T app-1 boxoffice token --admin) deploy/book.sh "http://$PUBLISH/graphql"
