"""What an eager task needs to call the control plane from its pod: an address, a token, and whom to trust.

The token is one that Kubernetes makes for this very pod, means for the control plane alone, and lets end with the pod.
The authority of the control plane's certificate comes along as an annotation, so that nothing has to be there before in
the namespace.
"""

from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.settings import Calling, Json

FOLDER = "/var/run/secrets/flytelike"
VOLUME = "flytelike-calling"
AUTHORITY = "flytelike.dev/control-plane-ca"
"""The annotation with the authority of the control plane's certificate."""

ENDPOINT = "FLYTELIKE_ENDPOINT"
TOKENS = frozenset({"FLYTELIKE_TOKEN", "FLYTELIKE_TOKEN_FILE"})
_TOKEN_FILE, _CA_FILE = "FLYTELIKE_TOKEN_FILE", "FLYTELIKE_CA_FILE"
_TOKEN, _CA = "token", "ca.crt"


def with_calling(pod: Json, primary: str, calling: Calling, authority: str) -> Json:
    """Return a pod whose primary container can call the control plane; what templates and tasks say themselves counts.

    Args:
        pod: The pod of an eager task, as far as templates and the task make it.
        primary: The container that runs the task.
        calling: Where the control plane is.
        authority: Whom to trust there (PEM); those that the image knows without it.
    """
    place, given = _container(pod, primary)
    env: list[Json] = []
    sources: list[Json] = []
    metadata: Json = {}
    if ENDPOINT not in given:
        env.append({"name": ENDPOINT, "value": calling.endpoint})
    if not TOKENS & given:
        env.append({"name": _TOKEN_FILE, "value": f"{FOLDER}/{_TOKEN}"})
        token = {"audience": calling.audience, "expirationSeconds": calling.expires_s, "path": _TOKEN}
        sources.append({"serviceAccountToken": token})
    if authority and _CA_FILE not in given:
        env.append({"name": _CA_FILE, "value": f"{FOLDER}/{_CA}"})
        field = {"fieldPath": f"metadata.annotations['{AUTHORITY}']"}
        sources.append({"downwardAPI": {"items": [{"path": _CA, "fieldRef": field}]}})
        metadata = {"annotations": {AUTHORITY: authority}}
    container: Json = {"name": primary, "env": env}
    spec: Json = {place: [container]}
    if sources:
        container["volumeMounts"] = [{"name": VOLUME, "mountPath": FOLDER, "readOnly": True}]
        spec["volumes"] = [{"name": VOLUME, "projected": {"sources": sources}}]
    return laid_over(pod, {"metadata": metadata, "spec": spec})


def _container(pod: Json, name: str) -> tuple[str, frozenset[str]]:
    """Return which of a pod's lists a container stands in, and the names of its variables."""
    for place in ("containers", "initContainers"):
        for one in pod["spec"].get(place) or ():
            if one["name"] == name:
                return place, frozenset(variable["name"] for variable in one.get("env") or ())
    raise AssertionError(f"the pod has the container {name}")
