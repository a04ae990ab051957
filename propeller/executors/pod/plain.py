"""The pod of a plain container, which reads its inputs from files and leaves its outputs as files.

A container of the platform's own brings the files before it, and one stores what it left after it. So that each begins
when the one before has ended well, and none has to look out for another, they are a chain of init containers with the
last one as the pod's own: the program is one of them.
"""

from flytelike.model.graph import DataFiles
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.settings import Json

FETCH, STORE = "flytelike-fetch", "flytelike-store"
"""The platform's containers."""

_PROGRAM = "flytelike-carry"
_INPUTS, _OUTPUTS = "flytelike-inputs", "flytelike-outputs"
_INPUT_PATH, _OUTPUT_PATH = "/var/inputs", "/var/outputs"
"""Where Flyte's programs look for them that are told nothing else."""

_RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}


def with_files(spec: Json, primary: str, data: DataFiles, image: str, faults: Faults) -> Json:
    """Return the spec of a plain container's pod, with what carries its files.

    Args:
        spec: The pod's, where the program's container is an ordinary one.
        primary: The name of that container.
        data: Where its files are.
        image: The platform's image.
        faults: Told of paths that cannot be.
    """
    inputs, outputs = data.input_path or _INPUT_PATH, data.output_path or _OUTPUT_PATH
    for path in (inputs, outputs):
        if not path.startswith("/") or ":" in path:
            faults.add("invalid-pod-template", f"`{path}` is no folder of a container", "give an absolute path")
    if inputs.rstrip("/") == outputs.rstrip("/"):
        faults.add("invalid-pod-template", f"inputs and outputs are both at `{inputs}`", "give each its own folder")
    brought, left = {"name": _INPUTS, "mountPath": inputs}, {"name": _OUTPUTS, "mountPath": outputs}
    task = ["--task", "{{.taskTemplatePath}}", "--output-prefix", "{{.outputPrefix}}"]
    fetch = [_PROGRAM, "fetch", *task, "--inputs", "{{.input}}", "--folder", inputs]
    store = [_PROGRAM, "store", *task, "--raw-output-prefix", "{{.rawOutputDataPrefix}}", "--folder", outputs]
    own = next(one for one in spec["containers"] if one["name"] == primary)
    program = {**own, "volumeMounts": [*own.get("volumeMounts", ()), brought, left]}
    before = [*(spec.get("initContainers") or ()), _carrier(FETCH, image, fetch, brought), program]
    beside = [one for one in spec["containers"] if one["name"] != primary]
    volumes = [{"name": name, "emptyDir": {}} for name in (_INPUTS, _OUTPUTS)]
    return {
        **spec,
        "initContainers": before,
        "containers": [*beside, _carrier(STORE, image, store, left)],
        "volumes": [*(spec.get("volumes") or ()), *volumes],
    }


def _carrier(name: str, image: str, command: list[str], mount: Json) -> Json:
    return {"name": name, "image": image, "command": command, "resources": _RESOURCES, "volumeMounts": [mount]}
