"""Secrets for a pod, by reference to Secret objects of its namespace: the platform never sees their values.

The group of a request names the object, its key the entry. Where a task looks for them is Flyte's contract.
"""

from collections.abc import Sequence

from flytelike.model.graph import SecretRequest
from flytelike.model.secret_names import VARIABLE_PREFIX, file_of, spoken, variable_of
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.names import is_object_name
from propeller.executors.pod.settings import Json

FOLDER = "/etc/flyte/secrets"
VOLUME = "flytelike-secrets"


def with_secrets(pod: Json, requests: Sequence[SecretRequest], default_name: str, faults: Faults) -> Json:
    """Return a pod whose containers find the secrets that its task asks for."""
    if not requests:
        return pod
    env: list[Json] = []
    sources: list[Json] = []
    for request in requests:
        name = request.group or default_name
        if not is_object_name(name):
            faults.add(
                "invalid-secret-reference",
                f"the secret `{spoken(request)}` cannot be an object of the cluster: `{name}` is no name of one",
                "use small letters, digits and dashes for a secret's group",
            )
            continue
        if request.mount_as_file:
            path = "/".join(file_of(request))
            sources.append({"secret": {"name": name, "items": [{"key": request.key, "path": path, "mode": 0o440}]}})
            if request.env_var:
                env.append({"name": request.env_var, "value": f"{FOLDER}/{path}"})
        else:
            value = {"secretKeyRef": {"name": name, "key": request.key}}
            names = filter(None, (variable_of(request), request.env_var))
            env += [{"name": variable, "valueFrom": value} for variable in names]
    env.append({"name": "FLYTE_SECRETS_ENV_PREFIX", "value": VARIABLE_PREFIX})
    container: Json = {"env": env}
    spec: Json = {}
    if sources:
        env.append({"name": "FLYTE_SECRETS_DEFAULT_DIR", "value": FOLDER})
        container["volumeMounts"] = [{"name": VOLUME, "mountPath": FOLDER, "readOnly": True}]
        spec["volumes"] = [{"name": VOLUME, "projected": {"sources": sources}}]
    for field in ("containers", "initContainers"):
        if pod["spec"].get(field):
            spec[field] = [{"name": one["name"], **container} for one in pod["spec"][field]]
    return laid_over(pod, {"spec": spec})
