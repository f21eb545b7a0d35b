"""The operating-system user our own PostgreSQL runs as: whoever we are, but never root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from db.embedded.binaries import PostgresError

NOBODY = 65534

# Nothing of the caller's environment but this reaches PostgreSQL: no PG* variable, no secret.
ENVIRONMENT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")

# What lets another user into directories that are closed to them, such as /root: nothing where that
# will do, then what only reads, then what containers grant their root instead.
CAPABILITIES = (None, "dac_read_search", "dac_override")


@dataclass(frozen=True)
class Account:
    """A user and group, and how to start a command as them."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give a file or directory that we made to this account."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def prefix(self, *needed: Path) -> list[str]:
        """Return the words to put before a command, so that it runs as this account.

        Directories above the needed paths that are closed to the account stay as they are: the
        command is given the capability to search them, only where it can't do without.

        Raises:
            PostgresError: we are root and can't become somebody else.
        """
        if os.geteuid() != 0:
            return []
        for capability in CAPABILITIES:
            prefix = [*self._become(), *_limit_to(capability)]
            if all(_reaches(prefix, path) for path in needed):
                return prefix
        raise PostgresError(
            "PostgreSQL does not run as root, and no other user can reach this directory.\n"
            "Run this as an ordinary user, move the project, or set DATABASE_URL."
        )

    def _become(self) -> list[str]:
        return [_setpriv(), f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]

    def named_prefix(self) -> list[str]:
        """Return the words before initdb, which insists that its user has a name.

        A user without one (a container started with a bare number) borrows "nobody" in a
        namespace of its own; the files stay the user's.
        """
        unshare = shutil.which("unshare")
        if os.geteuid() == 0 or _has_name(self.uid) or unshare is None:
            return []
        return [unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]


def choose_account(data_dir: Path) -> Account:
    """Return the owner of a data directory, or who shall own it: us, or as root `postgres`.

    Raises:
        PostgresError: the data belongs to somebody we can't run PostgreSQL as.
    """
    if data_dir.exists():
        owner = data_dir.stat()
        if owner.st_uid == 0 or os.geteuid() not in (0, owner.st_uid):
            raise PostgresError(_explain_owner(data_dir, owner.st_uid))
        return Account(owner.st_uid, owner.st_gid)
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    return _unprivileged()


def clean_environment() -> dict[str, str]:
    """Return what PostgreSQL's programs see of our environment."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def _unprivileged() -> Account:
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(user.pw_uid, user.pw_gid)
    return Account(NOBODY, NOBODY)


def _setpriv() -> str:
    path = shutil.which("setpriv")
    if path is None:
        raise PostgresError(
            "PostgreSQL does not run as root, and `setpriv` (util-linux) is not here to start it "
            "as another user.\nRun this as an ordinary user, or set DATABASE_URL."
        )
    return path


def _limit_to(capability: str | None) -> list[str]:
    if capability is None:
        return ["--inh-caps=-all"]
    only = f"-all,+{capability}"
    # Without this bit access(2) ignores the capability, and initdb asks access(2).
    limits = ["--securebits=+no_setuid_fixup", f"--bounding-set={only}"]
    return [*limits, f"--inh-caps={only}", f"--ambient-caps={only}"]


def _reaches(prefix: list[str], path: Path) -> bool:
    test = [*prefix, "test", "-r", str(path), "-a", "-x", str(path)]
    return subprocess.run(test, check=False, capture_output=True, cwd="/").returncode == 0


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _explain_owner(data_dir: Path, uid: int) -> str:
    owner = pwd.getpwuid(uid).pw_name if _has_name(uid) else f"uid {uid}"
    way_out = "give it to an ordinary user with chown -R" if uid == 0 else "run this as that user"
    return f"{data_dir} belongs to {owner}: {way_out}, or choose another DATA_DIR."
