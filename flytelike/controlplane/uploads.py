"""Uploads and downloads of files through signed addresses.

S3-like stores sign uploads themselves. For a local folder, and for pages, we sign: the address names what may
be written, with which content and until when, and carries a keyed digest of all of it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flytelike.controlplane.errors import Faults, Status, invalid, refusal
from flytelike.controlplane.naming import check_org, is_path_segment
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.settings import Settings
from flytelike.storage import SigningUnsupported, Store
from flytelike.storage.uri import join
from flytelike_idl.service import dataproxy_pb2

MD5_BYTES = 16
GENERATED_NAME_BYTES = 10
DEPTH_MAX = 64
"""How many folders deep a file of an uploaded folder may lie."""
RECENT_NS = 12 * 3600 * 1_000_000_000
CHUNK_BYTES = 1024 * 1024
ROUTE = "/uploads"
DOWNLOAD_ROUTE = "/downloads"


@dataclass(frozen=True, slots=True)
class UploadLocation:
    """Where to upload to, and what the object will be called; `expires_at_ns` counts from 1970."""

    signed_url: str
    native_url: str
    expires_at_ns: int
    headers: Mapping[str, str]
    already_there: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed address allows: to write these bytes there. An empty `md5` allows any content."""

    uri: str
    md5: bytes


class Uploads:
    """The use cases of uploading. Give it the HTTP side's base url before it signs anything."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        """Sign with the settings' secret, or with one made now."""
        self._store = store
        self._clock = clock
        self._limits = settings.limits
        self._domains = frozenset(domain for domain, _ in settings.domains)
        self._secret = settings.upload_secret or secrets.token_bytes(32)
        self._root = join(settings.base, settings.upload_prefix)
        self._store_root = settings.base
        self.http_url = ""

    def locate(self, request: dataproxy_pb2.CreateUploadLocationRequest) -> UploadLocation:
        """Return where a client may upload a file: `<prefix>/<project>/<domain>/<root or md5>/<name>`.

        A name with slashes, such as `a/b.txt`, is a file of a folder.

        Raises:
            Refusal: INVALID_ARGUMENT for names that cannot be part of a path and for limits that are
                crossed; ALREADY_EXISTS when other content lies there.
        """
        faults = Faults()
        self._check(request, faults)
        faults.check()
        md5 = request.content_md5
        folder = request.filename_root or base64.b32encode(md5).decode()
        filename = request.filename or secrets.token_hex(GENERATED_NAME_BYTES)
        place = (request.project, request.domain, folder, *filename.split("/"))
        uri = join(self._root, *place)
        there = self._store.exists(uri)
        if there and md5 and self._md5(uri) != md5:
            raise refusal(
                Status.ALREADY_EXISTS, "upload-exists", f"{'/'.join(place)} has been uploaded with other content"
            )
        asked_s = request.expires_in.seconds if request.HasField("expires_in") else self._limits.upload_expiry_s
        expires_at_ns = self._clock.now_ns() + asked_s * 1_000_000_000
        url = self._own_url(place, md5, expires_at_ns)
        headers: Mapping[str, str] = {}
        if not request.through_platform:
            url, headers = self._signed(uri, place, md5, expires_at_ns, asked_s)
        return UploadLocation(url, uri, expires_at_ns, headers, there and bool(md5) and self._is_recent(uri))

    def granted(self, place: tuple[str, ...], md5: str, expires: str, signature: str) -> Grant:
        """Return what a signed address allows.

        Raises:
            Refusal: PERMISSION_DENIED when it is not ours, was changed or has expired.
        """
        wanted = self._signature("PUT", place, md5, expires)
        genuine = hmac.compare_digest(wanted.encode(), signature.encode())
        if not genuine or not all(is_path_segment(step) for step in place):
            raise refusal(Status.PERMISSION_DENIED, "invalid-signature", "the address is not one that was given out")
        self._check_expiry(expires)
        return Grant(join(self._root, *place), bytes.fromhex(md5))

    def download_url(self, uri: str, expires_s: int) -> tuple[str, int]:
        """Return an address from which an object of the store can be fetched, and when it expires.

        Raises:
            Refusal: INVALID_ARGUMENT when the object lies outside of the store.
        """
        below = uri.removeprefix(self._store_root + "/")
        steps = tuple(below.split("/"))
        if below == uri or not all(is_path_segment(step) for step in steps):
            raise invalid("outside-of-store", f"{uri} does not lie in the store of this platform")
        expires_at_ns = self._clock.now_ns() + min(expires_s, self._limits.upload_expiry_s) * 1_000_000_000
        expires = str(expires_at_ns // 1_000_000_000)
        query = urlencode({"expires": expires, "signature": self._signature("GET", steps, "", expires)})
        return f"{self.http_url}{DOWNLOAD_ROUTE}/{quote(below)}?{query}", expires_at_ns

    def downloadable(self, steps: tuple[str, ...], expires: str, signature: str) -> str:
        """Return the uri that a signed address allows to fetch; raises Refusal PERMISSION_DENIED."""
        wanted = self._signature("GET", steps, "", expires)
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise refusal(Status.PERMISSION_DENIED, "invalid-signature", "the address is not one that was given out")
        self._check_expiry(expires)
        return join(self._store_root, *steps)

    def _is_recent(self, uri: str) -> bool:
        """Tell whether an upload stays for long enough to be named: what nobody names is deleted after a day.

        What is older is sent once more, which makes it new.
        """
        return self._store.head(uri).modified_ns > self._clock.now_ns() - RECENT_NS

    def _check(self, request: dataproxy_pb2.CreateUploadLocationRequest, faults: Faults) -> None:
        check_org(request.org, faults)
        if request.domain not in self._domains:
            faults.add("unknown-domain", f"there is no domain {request.domain!r}")
        for field in ("project", "filename_root", "filename"):
            value: str = getattr(request, field)
            steps = value.split("/") if field == "filename" else [value]
            plain = len(steps) <= DEPTH_MAX and all(map(is_path_segment, steps))
            if not plain and (value or field == "project"):
                faults.add("invalid-filename", f"{value[:80]!r} cannot be the {field} of an upload", "use a plain name")
        if not request.content_md5 and not request.filename_root:
            faults.add("missing-field", "neither content_md5 nor filename_root was given", "give one at least")
        if request.content_md5 and len(request.content_md5) != MD5_BYTES:
            faults.add("invalid-md5", f"content_md5 has {len(request.content_md5)} bytes, {MD5_BYTES} are wanted")
        if request.HasField("expires_in") and not 0 < request.expires_in.seconds <= self._limits.upload_expiry_s:
            faults.add("invalid-expiry", f"uploads expire after 1 to {self._limits.upload_expiry_s} seconds")

    def _check_expiry(self, expires: str) -> None:
        if not expires.isdigit() or int(expires) * 1_000_000_000 <= self._clock.now_ns():
            raise refusal(Status.PERMISSION_DENIED, "expired-address", "the address has expired", "ask for a new one")

    def _signed(
        self, uri: str, place: tuple[str, ...], md5: bytes, expires_at_ns: int, expires_s: int
    ) -> tuple[str, Mapping[str, str]]:
        try:
            signed = self._store.sign_put(uri, content_md5=md5, expires_s=expires_s)
        except SigningUnsupported:
            return self._own_url(place, md5, expires_at_ns), {}
        return signed.url, signed.headers

    def _own_url(self, place: tuple[str, ...], md5: bytes, expires_at_ns: int) -> str:
        """Return an address at which the platform itself takes a file; how large one may be is checked there."""
        expires = str(expires_at_ns // 1_000_000_000)
        signature = self._signature("PUT", place, md5.hex(), expires)
        query = urlencode({"md5": md5.hex(), "expires": expires, "signature": signature})
        return f"{self.http_url}{ROUTE}/{quote('/'.join(place))}?{query}"

    def _signature(self, method: str, place: tuple[str, ...], md5: str, expires: str) -> str:
        # Every part stands on a line of its own, so that none can be read as the end of another.
        text = "\n".join([method, md5, expires, *place])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _md5(self, uri: str) -> bytes:
        digest = hashlib.md5(usedforsecurity=False)
        with self._store.open_read(uri) as file:
            while data := file.read(CHUNK_BYTES):
                digest.update(data)
        return digest.digest()
