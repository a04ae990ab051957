"""An API server that writes down who did what, and what a role would have allowed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml
from typing_extensions import override

from tests.kube.control_plane import ControlPlane
from tests.services.helm import Document

POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


class Right(NamedTuple):
    """To do something with a kind of objects; `resource` has the part of an object behind a slash."""

    group: str
    resource: str
    verb: str


@dataclass
class AuditedControlPlane(ControlPlane):
    """A control plane with an audit log."""

    @override
    def _run(self, program, *flags):
        if program == "kube-apiserver":
            policy = self.folder / "audit.yaml"
            policy.write_text(yaml.safe_dump(POLICY), encoding="utf-8")
            flags = (*flags, f"--audit-policy-file={policy}", f"--audit-log-path={self.folder}/audit.log")
        return super()._run(program, *flags)

    def used(self, user: str) -> set[Right]:
        """Return the rights that a user made use of."""
        return {right for answer, right in self._seen(user) if answer < 400 or answer in {404, 409}}

    def refused(self, user: str) -> set[Right]:
        """Return the rights that a user lacked."""
        return {right for answer, right in self._seen(user) if answer == 403}

    def kubeconfig_of(self, user: str) -> Path:
        """Return the file with which a user's clients connect."""
        document = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        document["users"][0]["user"]["token"] = self.token(user)
        written = self.folder / f"kubeconfig-{user}"
        written.write_text(yaml.safe_dump(document), encoding="utf-8")
        return written

    def _seen(self, user: str) -> Iterable[tuple[int, Right]]:
        for line in (self.folder / "audit.log").read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            asked = event.get("objectRef")
            if event["user"]["username"] != user or event["stage"] != "ResponseComplete" or not asked:
                continue
            answer = event["responseStatus"]["code"]
            resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
            yield answer, Right(asked.get("apiGroup", ""), resource, event["verb"])
            if event["verb"] == "patch" and answer == 201:
                # What is applied and not there yet is made, which the API server asks the right for.
                yield answer, Right(asked.get("apiGroup", ""), resource, "create")


def granted(roles: Iterable[Document]) -> set[Right]:
    """Return all that roles allow."""
    return {
        Right(group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
