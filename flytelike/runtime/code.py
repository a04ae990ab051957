"""The author's code on this machine: fetched once per digest, checked, unpacked, kept."""

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from flytelike.runtime.failures import CODE_CORRUPT, CODE_NOT_FOUND, user_error
from flytelike.storage import InvalidUri, NotFound, Store, TooLarge, archive

UPLOAD_PREFIX = "FLYTELIKE_UPLOAD_PREFIX"
CODE_CACHE = "FLYTELIKE_CODE_CACHE"

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

MAX_ARCHIVE_BYTES = 1 << 30


def code_folder(code: str, env: Mapping[str, str], store: Store) -> str:
    """Return the folder with the unpacked bundle, fetching it when it is not there yet.

    Several processes may do so at once: the first to finish wins, the others use its folder.

    Args:
        code: `sha256:<hex>`.
        env: Tells where bundles lie (`FLYTELIKE_UPLOAD_PREFIX`, project and domain) and where
            they are kept (`FLYTELIKE_CODE_CACHE`, a folder).
        store: Reads the bundle.

    Raises:
        AttemptError: The bundle is not there, or is not what its digest says, or is unsafe.
    """
    match = _DIGEST.fullmatch(code)
    if match is None:
        raise user_error(CODE_NOT_FOUND, f"{code!r} is no code digest; expected sha256:<64 hexadecimal digits>")
    cache = Path(env.get(CODE_CACHE) or _default_cache(env))
    folder = cache / match[1]
    if not folder.is_dir():
        _fetch(match[1], folder, _bundle_uri(match[1], env), store)
    return str(folder)


def _default_cache(env: Mapping[str, str]) -> str:
    home = env.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return f"{home}/flytelike/code"


def _bundle_uri(hexadecimal: str, env: Mapping[str, str]) -> str:
    names = (UPLOAD_PREFIX, "FLYTE_INTERNAL_TASK_PROJECT", "FLYTE_INTERNAL_TASK_DOMAIN")
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise user_error(
            CODE_NOT_FOUND, f"the environment does not tell where code bundles lie: {', '.join(missing)} is not set"
        )
    prefix, project, domain = (env[name] for name in names)
    return f"{prefix.rstrip('/')}/{project}/{domain}/{hexadecimal}/bundle.tar.gz"


def _fetch(hexadecimal: str, folder: Path, uri: str, store: Store) -> None:
    try:
        content = store.get(uri, max_bytes=MAX_ARCHIVE_BYTES)
    except NotFound:
        raise user_error(CODE_NOT_FOUND, f"there is no code bundle at {uri}. Register again.") from None
    found = hashlib.sha256(content).hexdigest()
    if found != hexadecimal:
        raise user_error(CODE_CORRUPT, f"the code bundle at {uri} has digest sha256:{found}, not sha256:{hexadecimal}")
    try:
        archive.extract(content, folder)
    except (InvalidUri, TooLarge, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise user_error(CODE_CORRUPT, f"the code bundle at {uri} cannot be unpacked: {error}") from error
