"""A real PostgreSQL for tests: one server for all pytest workers, an empty database for each test.

The server listens on a Unix socket in a temporary folder and does not sync, since no test
pulls its plug. Without the server's programs tests are skipped, but fail where `CI=true`.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

PROGRAMS = "/usr/lib/postgresql/*/bin"
OPTIONS = ("fsync=off", "full_page_writes=off", "listen_addresses=''", "max_connections=200")
RELAXED = "synchronous_commit=off"
"""For a server that nobody kills: one that dies would lose what it had said to be committed."""

_numbers = count()


@dataclass(frozen=True)
class Server:
    """A running server: the folder of its socket."""

    folder: Path

    def url(self, database: str) -> str:
        """Return SQLAlchemy's url of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def restart(self) -> None:
        """Let it die in the midst of its work, and start it again. Only for a server of the test's own."""
        found = programs()
        assert found is not None
        control(
            found,
            "pg_ctl",
            "restart",
            "-w",
            "-s",
            "-m",
            "immediate",
            "-D",
            str(self.folder),
            "-l",
            f"{self.folder}/log",
        )

    def run(self, statement: str, database: str) -> None:
        """Create or drop a database."""
        with psycopg.connect(f"host={self.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(database)))


def programs() -> Path | None:
    """Return the folder of the newest server's programs."""
    found = sorted(Path("/").glob(PROGRAMS.lstrip("/")), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, started by the first worker that needs it and stopped by the last one that leaves."""
    folder = programs()
    if folder is None:
        reason = "PostgreSQL's programs are not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with locked(shared) as state:
        users = state.read_text().split() if state.exists() else []
        data = Path(users.pop(0)) if users else start(folder, *OPTIONS, RELAXED)
        state.write_text(" ".join([str(data), *users, str(os.getpid())]))
    try:
        yield Server(data)
    finally:
        with locked(shared) as state:
            _, *users = state.read_text().split()
            users.remove(str(os.getpid()))
            if users:
                state.write_text(" ".join([str(data), *users]))
            else:
                state.unlink()
                stop(folder, data)


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The url of an empty database of the test's own."""
    database = f"test_{os.getpid()}_{next(_numbers)}"
    postgres.run("CREATE DATABASE {}", database)
    try:
        yield postgres.url(database)
    finally:
        postgres.run("DROP DATABASE {} WITH (FORCE)", database)


@pytest.fixture
def own_postgres(postgres: Server) -> Iterator[Server]:
    """A server of the test's own, which may be restarted: it keeps what it said to be committed."""
    folder = programs()
    assert folder is not None
    data = start(folder, *OPTIONS)
    try:
        yield Server(data)
    finally:
        stop(folder, data)


@contextmanager
def locked(shared: Path) -> Iterator[Path]:
    """Yield the file that says where the server is and who uses it; one worker at a time."""
    with (shared / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / "postgres.state"


def start(folder: Path, *settings: str) -> Path:
    """Start a server and return its data folder, which holds its socket too."""
    data = Path(tempfile.mkdtemp(prefix="flytelike-pg-"))
    if (user := unprivileged()) is not None:
        shutil.chown(data, user)
    control(
        folder, "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale"
    )
    options = " ".join(f"-c {option}" for option in (*settings, f"unix_socket_directories={data}"))
    control(folder, "pg_ctl", "start", "-w", "-s", "-D", str(data), "-l", str(data / "log"), "-o", options)
    return data


def stop(folder: Path, data: Path) -> None:
    """Stop the server and remove everything of it."""
    control(folder, "pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", str(data))
    shutil.rmtree(data, ignore_errors=True)


def control(folder: Path, program: str, *args: str) -> None:
    """Run one of the server's programs; they refuse to run as root."""
    subprocess.run(
        [str(folder / program), *args],
        check=True,
        user=unprivileged(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def unprivileged() -> str | None:
    """Return the user to run the server as, when this one may not."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
