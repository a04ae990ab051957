"""Which plugin runs a type of task, where a setting says so. Pure."""

from collections.abc import Iterable, Sequence

from flytelike.controlplane.attributes.merging import plugin_overrides
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.repository.attributes import Setting
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.core import compiler_pb2

PLUGINS = frozenset({"container", "sidecar", "k8s-array"})
"""Flyte's names for the plugins that run tasks as containers, as pods and as elements of arrays.

Here the one executor of the platform does what they do, whichever of them is named.
"""


def check_plugins(tasks: Iterable[compiler_pb2.CompiledTask], settings: Sequence[Setting], faults: Faults) -> None:
    """Note each task that is to be run by plugins of which none is there, and by no other."""
    overrides = plugin_overrides(settings)
    if not overrides:
        return
    for task in tasks:
        template = task.template
        if (found := overrides.get(template.type)) is None:
            continue
        override, source = found
        if override.missing_plugin_behavior == pb.PluginOverride.FAIL and PLUGINS.isdisjoint(override.plugin_id):
            named = ", ".join(f"`{name}`" for name in override.plugin_id) or "no plugin"
            faults.add(
                "plugin-not-there",
                f"`{template.id.name}` is a task of type {template.type}, which {source} gives to {named}",
                f"name one that is there: {', '.join(sorted(PLUGINS))}",
                "or let the setting's `missing_plugin_behavior` be USE_DEFAULT",
            )
