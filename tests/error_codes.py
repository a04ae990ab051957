"""The codes of all diagnostics that the packages can make, read from their syntax trees."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")

NO_CODES = frozenset(
    """
    access-uses audit-cancelled owner-token x-request-id
    accept-encoding accept-post cache-control connect-timeout-ms content-encoding content-type
    cross-origin-opener-policy flytelike-token no-cache no-store referrer-policy same-origin sec-fetch-site
    exec-attempt exec-domain exec-name exec-node exec-project task-version
    controlplane-certificates controlplane-dispatch controlplane-holding controlplane-marking
    controlplane-scheduler
    controlplane-replica controlplane-rules controlplane-samples controlplane-stored nvidia-smi propeller-quotas
    propeller-news propeller-token-file
    signing-key-file
    cache-key-metadata content-length content-md5 content-security-policy controlplane-listen controlplane-read
    controlplane-write
    flytelike-calling flytelike-carry flytelike-fetch flytelike-inputs flytelike-outputs flytelike-store
    date-time default-init eager-exec end-node ephemeral-storage
    left-out not-chosen not-done not-there
    flyte-authorization flyte-shared-memory flytelike-carry flytelike-container flytelike-digest flytelike-execute
    flytelike-fetch flytelike-inputs flytelike-outputs flytelike-store
    flytelike-propeller flytelike-secrets flytelike-session flytelike-signals flytelike-storing flytelike-trace
    flytelike-mailbox flytelike-worker
    flytelike-values github-dark grpc-status-details-bin js-default launch-plans memory-watch pod-logs pod-token
    propeller-close
    allocation-reports k8s-array propeller-allocation propeller-cluster-resources propeller-delivery
    propeller-namespaces
    primary-init propeller-lease propeller-retention propeller-sealer propeller-store propeller-store-reader
    propeller-shards propeller-watch
    pyflyte-fast-execute python-task raw-container serialization-format site-packages start-node
    time-delta timed-out us-east-1 utf-8 x-content-type-options
    """.split()
)
"""Other words with dashes: keys, names of threads, programs and headers. Whatever else looks like a code is one."""

COMPOSED = frozenset(
    """
    artifact-exists dataset-exists tag-exists team-exists unknown-quota unknown-artifact unknown-dataset
    launch-plan-not-found task-not-found workflow-not-found
    unknown-schedule unknown-backfill
    unknown-active-launch-plan unknown-attribute unknown-data unknown-deck unknown-description unknown-execution
    unknown-graph unknown-grant unknown-token
    unknown-launch-plan unknown-log unknown-node-execution unknown-project unknown-task unknown-task-execution
    unknown-value unknown-workflow
    """.split()
)
"""Codes that are put together of a noun and a word."""


def codes_of(folders: Iterable[str]) -> Mapping[str, list[str]]:
    """Return the codes that stand as text in the files of folders, each with the places where it does."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                    found[node.value].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return {code: places for code, places in found.items() if code not in NO_CODES}
