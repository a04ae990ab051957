"""How stores are reached."""

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Settings of S3-compatible stores; what is empty comes from the environment (`AWS_*`).

    `endpoint` is a url for stores other than Amazon's. The secret is never shown.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""

    @override
    def __repr__(self) -> str:
        """Return the settings without the secret."""
        return f"StoreConfig(endpoint={self.endpoint!r}, region={self.region!r})"

    def s3_options(self) -> dict[str, str]:
        """Return obstore's options for S3."""
        named = {
            "endpoint": self.endpoint,
            "region": self.region,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
        }
        options = {key: value for key, value in named.items() if value}
        if self.endpoint.startswith("http://"):
            options["allow_http"] = "true"
        return options
