"""The image of `helm/Dockerfile`, built by buildah without a registry.

`python -m tests.chart.built_image` makes what stands for the images that it builds on: once a machine, outside of the
project.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kube.image import authorities
from tests.kube.programs import cache, locked

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "helm/Dockerfile"
STAND_IN = Path(__file__).resolve().parent / "stand_in/Dockerfile"
CONSTRAINTS = ROOT / "constraints.txt"
NEEDED = ("buildah", "debootstrap")
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
STAGES = ("pages", "build")
"""Those before the last one. Each is kept by a name, and so are its layers for the next build."""

REPOSITORY, TAG = "localhost/flytelike", "built"


class NotBuilt(Exception):
    """Something could not be made; carries what was printed."""


def bases() -> dict[str, str]:
    """Return the tags of the images that the recipe builds on, by their names."""
    found = re.findall(r"^ARG (\w+)=(\S+)$", RECIPE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower(): tag for name, tag in found}


def missing_parts() -> str:
    """Return what building needs and this machine lacks; nothing when all is there."""
    if os.geteuid() != 0:
        return "it needs root"
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    return f"{', '.join(lacking)} is not installed (`make test-kube` installs it)" if lacking else ""


def make_bases() -> Path:
    """Make what stands for the images that the recipe builds on, if it is not there; return buildah's folder."""
    digest = hashlib.sha256(repr(sorted(bases().items())).encode())
    for part in (STAND_IN.read_bytes(), authorities().encode(), PACKAGES.encode()):
        digest.update(part)
    folder = cache() / f"image-{digest.hexdigest()[:12]}"
    with locked(folder.name):
        if not (folder / "ready").exists():
            print(f"Making Debian images for the tests in {folder} (a minute, once) ...", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _make_bases(folder)
            (folder / "ready").touch()
    return folder


def build(archive: Path) -> str:
    """Build the image of this tree, write it as `docker save` does, and return its name. Raises NotBuilt."""
    folder, name = make_bases(), f"{REPOSITORY}:{TAG}"
    with locked(folder.name):
        for stage in (*STAGES, ""):
            told = ["--target", stage, "--tag", f"localhost/{stage}"] if stage else ["--tag", name]
            _bud(folder, RECIPE, ROOT, "--layers", "--ignorefile", f"{RECIPE}.dockerignore", *told)
        # What was built of other trees.
        _buildah(folder, "rmi", "--prune")
        _buildah(folder, "push", "--quiet", name, f"docker-archive:{archive}:{name}")
    return name


def _make_bases(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        debian = Path(scratch, "debian")
        (suite,) = {tag.rpartition("-")[2] for tag in bases().values()}
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(debian))
        (debian / AUTHORITIES).write_text(authorities(), encoding="ascii")
        shutil.copy(CONSTRAINTS, scratch)
        tags = [word for name, tag in bases().items() for word in ("--tag", f"localhost/{name}:{tag}")]
        _bud(folder, STAND_IN, Path(scratch), *tags)


def _bud(folder: Path, recipe: Path, context: Path, *words: str) -> None:
    """Build by a recipe. No container runs: its commands do, in a root of their own and this machine's network."""
    common = ("--pull-never", "--isolation", "chroot", "--network", "host", "--file", str(recipe))
    _buildah(folder, "bud", *common, *words, str(context))


def _buildah(folder: Path, *words: str) -> None:
    _run("buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run"), *words)


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise NotBuilt(f"{' '.join(words)}\n{done.stdout[-8000:]}")


if __name__ == "__main__":
    if (missing := missing_parts()) == "":
        make_bases()
    else:
        sys.exit(f"the image of the chart cannot be built: {missing}")
