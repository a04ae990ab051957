"""Taking secrets out of texts that others will read: logs, errors, reports.

Secrets have no business in such texts in the first place; this is for those that come with what others wrote, such as
a driver's message that quotes its address.
"""

import re

HIDDEN = "[hidden]"

_PATTERNS = (
    # Our tokens: the part that is shown may stay.
    (re.compile(r"\b(flt_[a-z0-9]{1,16})_[A-Za-z0-9_-]{8,}"), rf"\1_{HIDDEN}"),
    # JSON Web Tokens: three parts, of which the first begins as `{"` does in base64.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # The password in an address.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@'\"]*):[^\s/@'\"]+@"), rf"\1:{HIDDEN}@"),
    # What makes a signed address one, and settings by the names that secrets have.
    (re.compile(r"(?i)([?&](?:x-amz-)?(?:signature|credential|security-token)=)[^\s&\"']+"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"(?i)\b(password|passwd|client_secret|secret_access_key|access_token|refresh_token|id_token|code_verifier)"
            r"(\"?'?\s*[=:]\s*\"?'?)[^\s&\"',;)}\]]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
)


def redacted(text: str) -> str:
    """Return a text without what looks like a secret in it."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
