"""The custom resource goes with the chart: it is upgraded in place, executions stay, and it outlives the release."""

import asyncio
import copy
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from propeller.kube.errors import KubernetesError
from propeller.kube.ports import FLYTE_WORKFLOWS, Json
from propeller.kube.resource import resource_from_json, resource_of, resource_to_json
from tests.chart.values import SMALLEST, TRIAL
from tests.kube.control_plane import ControlPlane
from tests.kube.examples import document, full_request
from tests.services.helm import CHART, Document, Helm, HelmFailed
from tests.services.kubernetes import connected

NAME = "flyteworkflows.flytelike.dev"
OLDEST = Path(__file__).parent / "earlier/flyteworkflows-0.1.0.yaml"
"""The custom resource as the first version has it. It is not to be changed once that is released."""


def crd_of(helm: Helm, **values: object) -> Document:
    (found,) = (it for it in helm.render({**SMALLEST, **values}) if it["kind"] == "CustomResourceDefinition")
    return found


def test_what_is_rendered_is_the_file_and_stays_when_the_release_goes(helm: Helm) -> None:
    source = yaml.safe_load((CHART / "files/crds/flyteworkflows.yaml").read_text(encoding="utf-8"))
    found = crd_of(helm)
    assert found["spec"] == source["spec"]
    assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not crd_of(helm, crds={"keep": False})["metadata"].get("annotations")


def test_helm_does_not_see_it_as_what_it_never_upgrades() -> None:
    assert list((CHART / "crds").glob("*")) == []


def test_a_version_that_objects_were_stored_in_is_never_taken_away(helm: Helm) -> None:
    """Kubernetes refuses a definition without a version that objects may be stored in; so does this test, earlier."""
    earlier = yaml.safe_load(OLDEST.read_text(encoding="utf-8"))
    served = {it["name"] for it in crd_of(helm)["spec"]["versions"]}
    assert {it["name"] for it in earlier["spec"]["versions"] if it["storage"]} <= served


@pytest.fixture
def plane(kube_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that has never seen the custom resource."""
    made = ControlPlane(kube_programs, tmp_path_factory.mktemp("kube"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_an_upgrade_keeps_executions_and_takes_new_fields(helm: Helm, plane: ControlPlane) -> None:
    """From the first version's definition, applied as Helm does, to this one, and to one with a field more."""
    plane.kubectl("create", "namespace", "flights-development")
    plane.kubectl("create", "-f", str(OLDEST))
    plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{NAME}")
    wished = resource_to_json(resource_of(full_request(), "flights-development"))
    asyncio.run(create(plane, wished))
    newer = crd_of(helm)
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(newer))
    assert asyncio.run(read(plane, "e1")) == wished["spec"]
    asyncio.run(create(plane, document("e2", "flights-development")))
    newest = copy.deepcopy(newer)
    spec = newest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["surprise"] = {"type": "string"}
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(newest))
    later = document("e3", "flights-development")
    later["spec"]["surprise"] = "new"
    asyncio.run(create(plane, later))
    assert asyncio.run(read(plane, "e1")) == wished["spec"]


def test_helm_installs_upgrades_and_lets_executions_stay(helm: Helm, plane: ControlPlane) -> None:
    """With a definition that was applied by hand before; uninstalling takes no execution along."""
    values = yaml.safe_dump(TRIAL)
    words = ["rel", str(CHART), "--namespace", "here", "--kubeconfig", str(plane.kubeconfig), "--values", "-"]
    plane.kubectl("create", "-f", str(OLDEST))
    with pytest.raises(HelmFailed, match="cannot be imported into the current release"):
        helm.run("install", *words, "--create-namespace", stdin=values)
    notes = helm.run("install", *words, "--create-namespace", "--take-ownership", stdin=values)
    assert "kubectl port-forward --namespace here svc/rel-flytelike-control-plane 8089:8089" in notes
    plane.kubectl("create", "namespace", "flights-development")
    asyncio.run(create(plane, document("e1", "flights-development")))
    helm.run("upgrade", *words, "--set", "propeller.replicas=3", stdin=values)
    found = plane.kubectl("get", "deployment/rel-flytelike-propeller", "-n", "here", "-o", "jsonpath={.spec.replicas}")
    assert found == "3"
    told = helm.run("uninstall", "rel", "--namespace", "here", "--kubeconfig", str(plane.kubeconfig))
    assert f"[CustomResourceDefinition] {NAME}" in told
    assert "e1" in plane.kubectl("get", "fw", "-n", "flights-development")
    assert not plane.kubectl("get", "deployments", "-n", "here", "-o", "name")


async def create(plane: ControlPlane, wished: Json) -> None:
    """Create an object once the new schema counts."""
    async with asyncio.timeout(60), connected(plane) as client:
        due = time.monotonic() + 30
        while True:
            try:
                await client.create(FLYTE_WORKFLOWS, "flights-development", wished)
            except KubernetesError:
                if time.monotonic() > due:
                    raise
                await asyncio.sleep(0.05)
            else:
                return


async def read(plane: ControlPlane, name: str) -> Json:
    async with asyncio.timeout(60), connected(plane) as client:
        found = await client.get(FLYTE_WORKFLOWS, "flights-development", name)
        assert resource_from_json(found).metadata.name == name
        return found["spec"]
