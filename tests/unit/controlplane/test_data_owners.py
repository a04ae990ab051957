"""Whose the objects in the store are: naming an address as an input shows nobody what is another's."""

import pytest

from flytelike.controlplane.access.roles import EVERYTHING, NOTHING, Action, Rights
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.data_owners import DataOwners
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.embedded.keepers import EngineLayout
from flytelike.model.ids import ExecutionId, NodePath
from tests.unit.controlplane.builders import DOMAIN, PROJECT, create_execution, module

pytestmark = pytest.mark.anyio
HERE = Rights(places={(PROJECT, DOMAIN): Action.READ})
ELSEWHERE = Rights(projects={"theirs": Action.ADMINISTER})
NAMES = ("run", "a-b", "staging-run")
PLACES = ((PROJECT, DOMAIN), (PROJECT, "staging"))


@pytest.fixture
async def owners(plane: ControlPlane) -> DataOwners:
    await RegistrationServicer(plane).register(module())
    for project, domain in PLACES:
        for name in NAMES:
            request = create_execution(name)
            request.project, request.domain = project, domain
            await ExecutionServicer(plane).create_execution(request)
    return DataOwners(plane.database, plane.settings, EngineLayout(f"{plane.settings.base}/metadata/propeller"))


def addresses(plane: ControlPlane, execution: ExecutionId) -> list[str]:
    """Return where things of an execution lie: data of an attempt, documents, inputs, an upload for it."""
    base, layout = plane.settings.base, EngineLayout(f"{plane.settings.base}/metadata/propeller")
    data = layout.data_folder(execution, NodePath("n0-1.0.n3"), 2)
    place = f"{execution.project}/{execution.domain}"
    return [
        f"{plane.settings.raw_prefix}/{layout.shard(execution, data)}/{data}/table/00000",
        f"{layout.documents}/{layout.document_folder(execution)}/n0/data/0/outputs.pb",
        f"{base}/metadata/executions/{place}/{execution.name}/inputs.pb",
        f"{base}/{plane.settings.upload_prefix}/{place}/abc/table.csv",
    ]


async def seen(owners: DataOwners, uri: str, rights: Rights) -> bool:
    try:
        await owners.check(uri, rights)
    except Refusal as refused:
        return (refused.status, refused.diagnostics[0].code) != (Status.PERMISSION_DENIED, "data-of-others")
    return True


@pytest.mark.parametrize("name", NAMES)
async def test_data_are_seen_by_who_may_look_into_their_project_and_domain(
    plane: ControlPlane, owners: DataOwners, name: str
) -> None:
    for project, domain in PLACES:
        for uri in addresses(plane, ExecutionId(project, domain, name)):
            allowed = [await seen(owners, uri, rights) for rights in (EVERYTHING, HERE, ELSEWHERE, NOTHING)]
            assert allowed == [True, domain == DOMAIN, False, False], uri


async def test_one_of_the_same_name_elsewhere_is_another(plane: ControlPlane, owners: DataOwners) -> None:
    """`default-development-staging-run` may be two executions; each has its own folder."""
    theirs = ExecutionId(PROJECT, "staging", "run")
    for uri in addresses(plane, theirs):
        assert not await seen(owners, uri, HERE), uri


@pytest.mark.parametrize(
    "path",
    [
        "closures/abc.pb",
        "data/aa/unknown-n0-0/x",
        "metadata/propeller/default-development-unknown/n0",
        "other/file",
        "uploads/default/development/../../theirs/x",
        "uploads//default/development/x",
        "",
    ],
)
async def test_what_is_nobodys_is_seen_by_who_sees_everything(
    plane: ControlPlane, owners: DataOwners, path: str
) -> None:
    uri = f"{plane.settings.base}/{path}"
    assert [await seen(owners, uri, rights) for rights in (EVERYTHING, HERE)] == [True, False]
