"""Our messages are Flyte's on the wire: every difference is listed, and each one is explained."""

import re

import pytest
from google.protobuf import descriptor_pb2 as pb

from tests.idl import frozen
from tests.idl.compare import Facts, differences, facts, stock_files

EXPLAINED = {
    r"field flytelike\.core\.(Node|WorkflowTemplate|TaskTemplate|Variable|Binding)\.span": "9000: source spans",
    r"field flytelike\.core\.RetryStrategy\.(max_)?backoff(_factor)?": "9140: pauses before retries",
    r"field flytelike\.core\.TaskMetadata\.max_queued_time": "9140: how long an attempt may wait",
    r"field flytelike\.admin\.NodeExecutionMetaData\.name": "9000: what the author calls the node",
    r"field flytelike\.admin\.NodeExecutionMetaData\.note": "9160: whence results were taken over",
    r"field flytelike\.admin\.NodeExecutionMetaData\.priority": "9320: how urgent a node is",
    r"(message|field) flytelike\.core\.TaskTemplate\.(code|CodeEntry.*)": "9160: what a task is made of",
    r"field flytelike\.admin\.Signal\.(gates|set_by|set_at)": "9110: which gates wait, and who answered",
    r"(message|field) flytelike\.admin\.WaitingGate(\..*)?": "a message of ours",
    r"field flytelike\.service\.CreateUploadLocationResponse\.already_there": "9000: no second upload",
    r"field flytelike\.service\.CreateUploadLocationRequest\.through_platform": "9000: pages speak to us alone",
    r"(message|field) flytelike\.core\.SourceSpan(\..*)?": "a message of ours",
    r"(message|field|value) flytelike\.service\.(Register|Registered|Diagnostic)\w*(\..*)?": "registering at once",
    r"(message|field) flytelike\.service\.WatchExecution\w*(\..*)?": "watching",
    r"field flytelike\.admin\.NodeExecutionClosure\.elements": "9120: how an array goes",
    r"field flytelike\.admin\.NodeExecutionClosure\.(waits|waits_until)": "9250: what a node waits for",
    r"(message|field) flytelike\.core\.ElementCounts(\..*)?": "a message of ours",
    r"(message|field) flytelike\.service\.(ListElements\w*|Element)(\..*)?": "elements of arrays",
    r"(message|field) flytelike\.service\.StreamTaskLogs\w*(\..*)?": "logs",
    r"(message|field|value) flytelike\.propeller\.Reuse\w*(\..*)?": "what executions take over",
    r"(message|field|value) flytelike\.service\.(Derive|Derived|NodeChoice|Overrides)\w*(\..*)?": "derived executions",
    r"(message|field) flytelike\.service\.\w*Cache\w*(\..*)?": "looking into the cache",
    r"field flytelike\.core\.TaskMetadata\.cache_ttl": "9151: how long results are kept",
    r"field flytelike\.admin\.(TaskNodeMetadata\.cache_why|ExecutionSpec\.skip_cache)": "9150: caching, told and left",
    r"(message|field) flytelike\.service\.(Collect|Kept|RetentionRule|GetRetention)\w*(\..*)?": "collecting",
    r"(message|field) flytelike\.service\.(ListTroubles\w*|Trouble)(\..*)?": "what the platform waits for",
    r"(message|field) flytelike\.service\.HistoryGap(\..*)?": "history that is missing",
    r"(message|field) flytelike\.service\.ReportedWait(\..*)?": "who waits for a quota, as operators say",
    r"(message|field) flytelike\.service\.(ListQueued\w*|QueuedAttempt)(\..*)?": "what waits for a worker",
    r"(message|field) flytelike\.service\.((Get)?Access|Audit|ListAudit)\w*(\..*)?": "who may do what, and who did",
    r"(message|field) flytelike\.service\.(Create|List|Revoke|Delete)(Token|Grant)s?\w*(\..*)?": "tokens, roles",
    r"(message|field|value) flytelike\.service\.(Scheduled(Plan|Run)|Backfill\w*)(\..*)?": "schedules, backfills",
    r"(message|field) flytelike\.service\.(List|Get|Create|Cancel)(Schedule|Backfill)s?Re\w+(\..*)?": "the same",
    r"rpc flytelike\.service\.(Access|Schedule)Service\..*": "ours",
    r"rpc flytelike\.service\.(Call|Registration|Derivation|Watch|Caching|Maintenance|Propeller)Service\..*": "ours",
    r"rpc flytelike\.service\.(Console|Tenancy)Service\..*": "ours",
    r"(message|field) flytelike\.service\.Get(Home|Dashboard|Run|RunNode|ElementStates)Re\w+(\..*)?": "pages",
    r"(message|field) flytelike\.service\.(Home|Dashboard|Graph|Run|Entity|Search|Waiting)[A-Z]\w*(\..*)?": "pages",
    r"(message|field) flytelike\.service\.(DrawGraph|CompareVersions|PreviewValues|Search)Re\w+(\..*)?": "pages",
    r"(message|field) flytelike\.service\.(PreviewStoredRe\w+|Table(Column|Row)|StoredFile)(\..*)?": "pages",
    r"(message|field) flytelike\.service\.(GetSourceRe\w+|SourceMark)(\..*)?": "pages",
    r"(message|field) flytelike\.service\.List(Runs|RunNodes|Entities)Re\w+(\..*)?": "pages",
    r"(message|field) flytelike\.service\.Watch(Run|Domain)Re\w+(\..*)?": "pages, as they change",
    r"(message|field) flytelike\.service\.(DomainPlace|(Node)?PhaseCount|ElementCounts)(\..*)?": "parts of pages",
    r"(message|field) flytelike\.service\.(ValuesPreview|VersionChange|WorkflowHealth)(\..*)?": "parts of pages",
    r"field flytelike\.core\.(QualityOfService|NodeMetadata|TaskMetadata)\.priority": "9230: priorities as numbers",
    r"(message|field) flytelike\.service\.(RecordHistory\w*|HistoryEntry|PropellerFailure)(\..*)?": "told",
    r"(message|field) flytelike\.service\.(Execution|Node|Attempt|Elements)Changed(\..*)?": "told, too",
    r"(message|field) flytelike\.service\.Element(Span|Failure)(\..*)?": "told, too",
    r"(message|field) flytelike\.service\.((Start|Abort|Get|Watch)Child\w*|ChildEnded)(\..*)?": "children",
    r"(message|field) flytelike\.service\.((Compile|Get)Graph|AwaitSignal)\w*(\..*)?": "graphs, signals",
    r"(message|field) flytelike\.service\.Result(Key|Input|Source|Use)(\..*)?": "results",
    r"(message|field) flytelike\.service\.(LookUp|Keep|Drop)Results\w*(\..*)?": "results",
    r"(message|field) flytelike\.service\.(Work(Claim|Reserved)|(Reserve|Release)Work|CountUses)\w*(\..*)?": "so",
    r"field flytelike\.admin\.Project\.team": "9360: who owns a project",
    r"field flytelike\.admin\.ExecutionClosure\.waits": "9361: what an execution is held back for",
    r"(message|field|value) flytelike\.service\.\w*(Tenancy|Quota)\w*(\..*)?": "quotas",
    r"(message|field) flytelike\.service\.(Team|TeamWish|ProjectWish|ListTeams\w*)(\..*)?": "teams",
    r"field flytelike\.core\.TaskMetadata\.reuse": "9400: pods that are kept",
    r"(message|field) flytelike\.core\.ReusePolicy(\..*)?": "a message of ours",
    r"field flytelike\.admin\.TaskExecutionClosure\.(asked|used)": "9380: what an attempt asked for and used",
    r"(message|field) flytelike\.core\.(ResourceAmounts|AskedResources|AttemptUse)(\..*)?": "messages of ours",
    r"(message|field) flytelike\.service\.(StartCall|WatchCalls|CallState)\w*(\..*)?": "calls of eager tasks",
}


@pytest.fixture(scope="module")
def stock() -> Facts:
    return facts(stock_files())


@pytest.fixture(scope="module")
def our_files() -> list[pb.FileDescriptorProto]:
    return frozen.our_files()


def test_every_difference_to_flyte_is_explained(stock: Facts, our_files: list[pb.FileDescriptorProto]) -> None:
    assert len(stock) > 2_000
    found = differences(stock, facts(our_files))
    unexplained = {name: what for name, what in found.items() if not any(re.fullmatch(p, name) for p in EXPLAINED)}
    assert unexplained == {}


def test_every_explanation_explains_something(stock: Facts, our_files: list[pb.FileDescriptorProto]) -> None:
    found = differences(stock, facts(our_files))
    assert [p for p in EXPLAINED if not any(re.fullmatch(p, name) for name in found)] == []


def test_our_own_fields_use_our_own_numbers(stock: Facts, our_files: list[pb.FileDescriptorProto]) -> None:
    ours = facts(our_files)
    shared = {name.rpartition(".")[0] for name in stock if name.startswith("field ")}
    added = [n for n in ours if n.startswith("field ") and n not in stock and n.rpartition(".")[0] in shared]
    assert added
    assert [name for name in added if not 9000 <= int(ours[name].split()[0]) <= 9999] == []


@pytest.mark.parametrize("change", ["number", "type", "cardinality", "absent", "enum value", "rpc"])
def test_a_planted_difference_is_seen(change: str, our_files: list[pb.FileDescriptorProto]) -> None:
    before = facts(our_files)
    files = [pb.FileDescriptorProto.FromString(file.SerializeToString()) for file in our_files]
    literals = next(file for file in files if file.name == "flytelike/core/literals.proto")
    blob = next(message for message in literals.message_type if message.name == "Blob")
    match change:
        case "number":
            blob.field[1].number = 4
        case "type":
            blob.field[1].type = pb.FieldDescriptorProto.TYPE_BYTES
        case "cardinality":
            blob.field[1].label = pb.FieldDescriptorProto.LABEL_REPEATED
        case "absent":
            del blob.field[1]
        case "enum value":
            types = next(file for file in files if file.name == "flytelike/core/types.proto")
            types.enum_type[0].value[1].number = 77
        case _:
            admin = next(file for file in files if file.name == "flytelike/service/admin.proto")
            del admin.service[0].method[0]
    assert len(differences(before, facts(files))) == 1
