#!/bin/sh
# Make the secrets that compose.yaml asks for, out of nothing, in a directory that git and the image
# leave out. What is there stays as it is, so that it can be run again after an update.
#
#     ./deploy/secrets.sh [DIRECTORY]        (deploy/secrets)
#
# Nobody but its owner can enter the directory. The files in it can be read by all: each container
# sees only those that it is given, and reads them as a user of its own.
set -eu
umask 077
directory=${1:-$(dirname "$0")/secrets}
mkdir -p "$directory"
chmod 700 "$directory"
cd "$directory"

write() {
    cat > "$1.part"
    chmod 444 "$1.part"
    mv -f "$1.part" "$1"
}

# 32 bytes, in letters and digits that mean nothing in a URL.
make() {
    test -s "$1" || od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' | write "$1"
}

make auth_secret
make metrics_token
make postgres_password
make boxoffice_password

# `read` and `printf` are the shell's own: no secret is in a command line that `ps` shows.
read -r password < boxoffice_password || test -n "$password"
printf 'postgresql://boxoffice:%s@pgbouncer:6432/boxoffice' "$password" | write database_url
printf '"boxoffice" "%s"\n' "$password" | write pgbouncer_users
