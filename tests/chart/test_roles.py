"""The chart's roles are enough for all that control plane and propeller do, and nothing more is granted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from flytelike.cluster.forgetting import StatesOfOperators, StrangersInCluster
from flytelike.cluster.launching import LaunchedByObjects
from flytelike.cluster.namespaces import Namespaces
from flytelike.cluster.pod_tokens import PodTokens, PodTokenSettings
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from propeller.app.cluster_resources import MANAGER, ClusterResourceSettings
from propeller.app.operator import OperatorOptions
from propeller.executors.pod import PodExecutorSettings, PodSettings
from propeller.executors.pod.labels import selector
from propeller.executors.pod.names import pod_name
from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.cluster_templates import KINDS, MANAGED
from propeller.kube.errors import Refused
from propeller.kube.ports import EVENTS, FLYTE_WORKFLOWS, NAMESPACES, PODS, ResourceKind, Selection
from propeller.kube.project_domain import ATTRIBUTES
from propeller.kube.resource import WorkflowResource, resource_from_json
from propeller.kube.watch import Gone, Seen, Watch
from propeller.ports import AttemptKey
from tests.chart.audited import AuditedControlPlane, Right, granted
from tests.chart.values import SMALLEST
from tests.kube.executing import Site, operating
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.tenant_templates import settings
from tests.services.helm import CHART, Document, Helm
from tests.services.kubernetes import connected, establish
from tests.unit.propeller_engine.builders import chain

HERE = "flytelike"
PLACE = "p-d"
PROPELLER, PLANE = "propeller", "control-plane"
BIND = Right("rbac.authorization.k8s.io", "clusterroles", "bind")
"""Asked for by the API server itself, when a binding is made."""

MADE = [kind for kind in KINDS.values() if kind != NAMESPACES]
"""What templates make."""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "spec": {"containers": [{"name": "one", "image": "local/any", "securityContext": RESTRICTED}]},
}


@pytest.fixture(scope="module")
def audited(kube_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedControlPlane]:
    plane = AuditedControlPlane(kube_programs, tmp_path_factory.mktemp("kube"), users=(PROPELLER, PLANE))
    try:
        plane.start()
        establish(plane)
        plane.kubectl("create", "namespace", HERE)
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def rendered(helm: Helm) -> list[Document]:
    """The chart's objects, with its roles bound to users of the tests."""
    return helm.render(SMALLEST, HERE)


def roles_of(rendered: list[Document], component: str) -> list[Document]:
    kinds = {"Role", "ClusterRole"}
    labelled = [one for one in rendered if one["metadata"]["labels"]["app.kubernetes.io/component"] == component]
    return [one for one in labelled if one["kind"] in kinds]


@pytest.fixture(scope="module")
def bound(audited: AuditedControlPlane, rendered: list[Document]) -> AuditedControlPlane:
    documents = []
    for one in rendered:
        if one["kind"] in {"Role", "ClusterRole"}:
            documents.append(one)
        elif one["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
            user = one["metadata"]["labels"]["app.kubernetes.io/component"]
            subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
            documents.append(one | {"subjects": [subject]})
    audited.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(documents))
    return audited


def client_of(plane: AuditedControlPlane, user: str) -> ClientSettings:
    return ClientSettings(kubeconfig=str(plane.kubeconfig_of(user)), calls_per_second=1000, burst=1000)


@dataclass
class Cluster:
    """A control plane with our roles, seen by its admin; a node; and what an operator of it is told."""

    plane: AuditedControlPlane
    admin: KubernetesClient
    site: Site
    last: dict[str, WorkflowResource] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def options(self, resources: ClusterResourceSettings) -> OperatorOptions:
        pods = PodSettings(platform="tests", grace_s=1, template_name="tasks")
        executor = PodExecutorSettings(pods, f"{self.site.folder}/logs", events_s=0.01)
        given = self.site.options(self.plane, "")
        client = client_of(self.plane, PROPELLER)
        return replace(
            given, client=client, lease_namespace=HERE, pods=executor, ttl_s=0.0, cluster_resources=resources
        )

    async def ended(self, name: str) -> WorkflowPhase:
        """Return how an execution ended, whose object is deleted then."""
        while name not in self.gone:
            await asyncio.sleep(0.02)
        return self.last[name].status.phase

    async def listen(self) -> None:
        """Keep what objects were last: they are deleted soon after their end."""
        async for item in Watch(self.admin, Selection(FLYTE_WORKFLOWS, PLACE)).news():
            match item:
                case Seen(key, document):
                    self.last[key.name] = resource_from_json(document)
                case Gone(key):
                    self.gone.add(key.name)

    async def until(self, kind: ResourceKind, number: int) -> None:
        """Return once there are so many objects made of templates."""
        selection = Selection(kind, PLACE, f"{MANAGED}=true")
        while len((await self.admin.page(selection, 10)).items) != number:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def cluster(plane: AuditedControlPlane, folder: Path) -> AsyncIterator[Cluster]:
    async with asyncio.timeout(60), connected(plane) as admin:
        found = Cluster(plane, admin, Site(folder))
        listening = asyncio.get_running_loop().create_task(found.listen())
        yield found
        listening.cancel()


async def use_control_plane(plane: AuditedControlPlane, site: Site) -> None:
    """Do all that the control plane does with the cluster."""
    async with KubernetesClient(client_of(plane, PLANE)) as client:
        launcher = LaunchedByObjects(client)
        requests = {name: site.request(name, chain(2)) for name in ("e1", "taken")}
        requests["waits"] = site.request("waits", chain(1), "import time; time.sleep(600)")
        for request in requests.values():
            await launcher.launch(request)
        await launcher.launch(requests["e1"])
        await launcher.signalled(requests["waits"].id, "approve")
        await launcher.abort(requests["waits"].id, "enough", "ann")
        assert len(await StrangersInCluster(client).strangers()) == len(requests)
        await StatesOfOperators(client).forget([requests["e1"].id])
        assert await PodTokens(PodTokenSettings(), client).bearer("a stranger's") is None
        await Namespaces(client).mark({"p": True})
        await Namespaces(client).mark({"p": False})


async def use_propeller(found: Cluster) -> None:
    """Do all that propeller does with the cluster."""
    admin = found.admin
    somebodys = pod_name(AttemptKey(ExecutionId("p", "d", "taken"), NodePath("n0"), 0))
    await admin.create(PODS, PLACE, POD | {"metadata": {"name": somebodys}})
    async with operating(found.options(settings())):
        for kind in MADE:
            await found.until(kind, 1)
        # Nobody counts up quotas here.
        counted = {"hard": {"pods": "10", "requests.cpu": "8"}, "used": {"pods": "0", "requests.cpu": "0"}}
        await admin.merge(KINDS["v1", "ResourceQuota"], PLACE, "quota", {"status": counted}, "status")
        while Right("", "events", "list") not in found.plane.used(PROPELLER):
            await asyncio.sleep(0.1)
        async with FakeKubelet(admin, selector(PodSettings(platform="tests"))):
            assert await found.ended("e1") is WorkflowPhase.SUCCEEDED
            assert await found.ended("taken") is WorkflowPhase.SUCCEEDED
            assert await found.ended("waits") is WorkflowPhase.ABORTED
        await admin.merge(NAMESPACES, "", PLACE, {"metadata": {"annotations": {ATTRIBUTES: "{"}}})
        while not (await admin.page(Selection(EVENTS, PLACE, fields="reason=ClusterResourcesFailed"), 10)).items:
            await asyncio.sleep(0.02)
        await admin.merge(NAMESPACES, "", PLACE, {"metadata": {"annotations": {ATTRIBUTES: None}}})
    async with operating(found.options(settings({}))):
        for kind in MADE:
            await found.until(kind, 0)


def test_the_roles_are_enough_and_nothing_more(
    bound: AuditedControlPlane, rendered: list[Document], tmp_path: Path
) -> None:
    async def main() -> None:
        async with cluster(bound, tmp_path) as found:
            await use_control_plane(bound, found.site)
            await use_propeller(found)

    asyncio.run(main())
    for user in (PLANE, PROPELLER):
        assert bound.refused(user) == set()
        allowed = granted(roles_of(rendered, user))
        assert sorted(bound.used(user) - allowed) == []
        assert sorted(allowed - bound.used(user) - {BIND}) == []


def test_a_role_of_the_cluster_that_is_not_named_cannot_be_bound(bound: AuditedControlPlane) -> None:
    """Who can write templates cannot give more than the chart's values say."""
    document = yaml.safe_load((CHART / "files/cluster-resources/viewers.yaml").read_text(encoding="utf-8"))
    document["subjects"][0]["name"] = "viewers"
    bindings = KINDS["rbac.authorization.k8s.io/v1", "RoleBinding"]

    async def main() -> None:
        async with KubernetesClient(client_of(bound, PROPELLER)) as client:
            await client.apply(bindings, "default", document, MANAGER)
            role = document["roleRef"] | {"name": "cluster-admin"}
            other = document | {"metadata": {"name": "other"}, "roleRef": role}
            with pytest.raises(Refused, match="attempting to grant RBAC permissions not currently held"):
                await client.apply(bindings, "default", other, MANAGER)

    asyncio.run(main())
