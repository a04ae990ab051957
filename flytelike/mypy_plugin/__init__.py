"""The mypy plugin: what the typed API cannot say. Switch it on by `plugins = ["flytelike.mypy_plugin"]`.

It knows names of the SDK and mypy's trees, and imports nothing that runs: the rules are the compiler's,
its error codes too.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

from mypy.plugin import (
    AttributeContext,
    FunctionContext,
    MethodContext,
    MethodSigContext,
    Plugin,
    ReportConfigContext,
)
from mypy.types import FunctionLike, Type
from typing_extensions import override

from flytelike.mypy_plugin.body import check_body
from flytelike.mypy_plugin.calls import CALL, result_of_call
from flytelike.mypy_plugin.launch_plan import FACTORIES, checked_factory
from flytelike.mypy_plugin.mapping import lifted
from flytelike.mypy_plugin.names import MAP_TASK, NODE, WORKFLOW
from flytelike.mypy_plugin.node_output import output_type


class FlytelikePlugin(Plugin):
    """Which of mypy's hooks asks which of ours."""

    @override
    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Look through a workflow's body when its decorator is checked; lift what a map takes to lists."""
        return {WORKFLOW: check_body, MAP_TASK: lifted}.get(fullname)

    @override
    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Give launch plans the inputs that are left."""
        return checked_factory if fullname in FACTORIES else None

    @override
    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Say what calls of entities give in eager functions and workflows."""
        return result_of_call if fullname.endswith(CALL) else None

    @override
    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Give a node's outputs their types."""
        return output_type if fullname.startswith(NODE + ".") else None

    @override
    def report_config_data(self, ctx: ReportConfigContext) -> str:
        """Return what tells one state of the plugin from another: mypy keeps no results across them."""
        return _digest()


@cache
def _digest() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001 - mypy asks with its version
    """Return the plugin's class; mypy calls this."""
    return FlytelikePlugin
