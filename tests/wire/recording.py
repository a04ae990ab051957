"""One session of stock Flyte's own programs against our platform, recorded once for all wire tests.

Nothing of the stock client runs in the tests' process: it has an environment of its own, and what
its programs print is what the tests look at.
"""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike, up

HERE = Path(__file__).resolve().parent
INSTALL = HERE / "install.sh"
TIMEOUT_S = 300
STOCK_IMAGE = "cr.flyte.org/flyteorg/flytekit"
CONFIG = "admin:\n  endpoint: dns:///{endpoint}\n  insecure: true\n"

Record = Mapping[str, dict]


def environment_folder() -> Path:
    """Return the stock client's environment; without it skip, but fail where `CI=true`."""
    found = subprocess.run([INSTALL, "--find"], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    reason = f"stock flytekit is not installed: run {INSTALL.relative_to(HERE.parent.parent)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def recorded(shared: Path, name: str, record: Callable[[Path], Record]) -> Record:
    """Return what `record` gave, to whichever pytest worker called it first."""
    shared.mkdir(parents=True, exist_ok=True)
    file = shared / f"{name}.json"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_text(json.dumps(record(shared / name)))
        return json.loads(file.read_text())


def session(stock: Path, folder: Path) -> Record:
    """Run everything against one platform in `folder`; return what each program did by its name."""
    project = folder / "project"
    shutil.copytree(HERE / "stock", project)
    shutil.copytree(HERE / "ours", folder / "ours")
    data = folder / "data"
    with up(data, "--image", f"{STOCK_IMAGE}={stock}") as running:
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(endpoint=running.grpc))

        def pyflyte(*words: str) -> dict:
            return program(stock, project, "pyflyte", "-c", str(config), *words)

        ours = flytelike(
            data, "register", "ours.py", "--version", "v1", "--project", "flytesnacks", cwd=folder / "ours"
        )
        register = ("register", "-p", "flytesnacks", "-d", "development", "--version", "v1", "flows.py")
        run = ("run", "--remote", "--wait", "--poll-interval", "1", "flows.py")
        return {
            "ours": {"code": ours.code, "text": ours.stdout + ours.stderr},
            "register": pyflyte(*register),
            "register-maps": pyflyte(*register[:-1], "maps.py"),
            "register-kinds": pyflyte(*register[:-1], "kinds.py"),
            "register-eager": pyflyte(*register[:-1], "eager_calls.py"),
            "eager": program(stock, project, "python", "eager_client.py", running.grpc),
            "kinds": program(stock, project, "python", "kinds_client.py", running.grpc),
            **together(
                pyflyte,
                {
                    "run": (*run, "varied", "--n", "4", "--colour", "blue"),
                    "run-failing": (*run, "refusing", "--n", "4"),
                },
            ),
            "client": program(stock, project, "python", "client.py", running.grpc),
            **together(
                pyflyte,
                {
                    "again": register,
                    "relaunch": ("execution", "--execution-id", "our-trip", "relaunch"),
                    "recover": ("execution", "--execution-id", "our-trip", "recover"),
                    "fetch": ("fetch", "flyte://v1/flytesnacks/development/our-trip/n2/o"),
                    "get": ("get", "launchplan", "twice_plan"),
                    "activate": ("launchplan", "--activate", "twice_plan", "v1"),
                },
            ),
        }


def together(run: Callable[..., dict], commands: Mapping[str, Sequence[str]]) -> Record:
    """Run commands at the same time; return what each did by its name."""
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(run, *words) for name, words in commands.items()}
        return {name: future.result() for name, future in running.items()}


def program(stock: Path, cwd: Path, *words: str) -> dict:
    """Run a program of the stock environment to its end."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "PYTHON"))}
    env = {**kept, "PATH": f"{stock / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1", "FLYTE_SDK_LOGGING_LEVEL": "40"}
    done = subprocess.run(
        [str(stock / "bin" / words[0]), *words[1:]],
        cwd=cwd,
        env={**env, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
