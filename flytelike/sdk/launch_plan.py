"""Launch plans: a workflow with some inputs fixed or defaulted, started as an execution of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, ParamSpec, TypeVar, overload

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ResourceKind
from flytelike.model.span import SourceSpan
from flytelike.model.suggestion import nearest
from flytelike.sdk.entity import AnyEntity, NodeEntity, P, R
from flytelike.sdk.faults import ArgumentError, fault, label
from flytelike.sdk.frames import author_frame, author_site
from flytelike.sdk.launch_plan_options import LaunchPlanOptions, launch_plan_option_faults
from flytelike.sdk.source import call_site
from flytelike.sdk.workflow import Workflow

Q = ParamSpec("Q")
S = TypeVar("S")


class LaunchPlan(NodeEntity[P, R]):
    """A named way to start a workflow. Calling it in a workflow starts an execution of its own.

    Make one with `create` or `get_or_create`. With defaulted or fixed inputs its parameters
    differ from the workflow's, which no type can say: such a plan takes any arguments to a
    type checker, and is checked when the workflow that calls it is put together.
    """

    resource_kind = ResourceKind.LAUNCH_PLAN

    def __init__(
        self,
        name: str | None,
        workflow: Workflow[..., R],
        default_inputs: Mapping[str, object],
        fixed_inputs: Mapping[str, object],
        options: LaunchPlanOptions,
    ) -> None:
        """Keep the parts; use `create` instead. Without a name it is the workflow's default."""
        super().__init__(workflow.function, "launch plan")
        self.given_name = name
        self.workflow = workflow
        self.default_inputs: dict[str, object] = dict(default_inputs)
        self.fixed_inputs: dict[str, object] = dict(fixed_inputs)
        self.options = options
        frame = author_frame()
        self._site = call_site(frame)
        self.module: str = frame.f_globals.get("__name__", "")

    @overload
    @staticmethod
    def create(name: str, workflow: Workflow[Q, S], **options: Unpack[LaunchPlanOptions]) -> "LaunchPlan[Q, S]": ...

    @overload
    @staticmethod
    def create(
        name: str,
        workflow: Workflow[Q, S],
        default_inputs: Mapping[str, object] | None = None,
        fixed_inputs: Mapping[str, object] | None = None,
        **options: Unpack[LaunchPlanOptions],
    ) -> "LaunchPlan[..., S]": ...

    @staticmethod
    def create(
        name: str,
        workflow: Workflow[Q, S],
        default_inputs: Mapping[str, object] | None = None,
        fixed_inputs: Mapping[str, object] | None = None,
        **options: Unpack[LaunchPlanOptions],
    ) -> "LaunchPlan[Q, S] | LaunchPlan[..., S]":
        """Make a launch plan.

        Args:
            name: Its name; one plan has it.
            workflow: The workflow it starts.
            default_inputs: Values for inputs that a caller leaves out.
            fixed_inputs: Values for inputs that no caller can give.
            **options: See `LaunchPlanOptions`.

        Raises:
            DiagnosticError: Another launch plan has the name.
        """
        plan: LaunchPlan[..., S] = LaunchPlan(name, workflow, default_inputs or {}, fixed_inputs or {}, options)
        existing = _created.get(name)
        if existing is not None and not plan.replaces(existing):
            raise DiagnosticError([_name_taken(plan, existing)])
        _created[name] = plan
        return plan

    @overload
    @staticmethod
    def get_or_create(
        workflow: Workflow[Q, S], name: str | None = None, **options: Unpack[LaunchPlanOptions]
    ) -> "LaunchPlan[Q, S]": ...

    @overload
    @staticmethod
    def get_or_create(
        workflow: Workflow[Q, S],
        name: str | None = None,
        default_inputs: Mapping[str, object] | None = None,
        fixed_inputs: Mapping[str, object] | None = None,
        **options: Unpack[LaunchPlanOptions],
    ) -> "LaunchPlan[..., S]": ...

    @staticmethod
    def get_or_create(
        workflow: Workflow[Q, S],
        name: str | None = None,
        default_inputs: Mapping[str, object] | None = None,
        fixed_inputs: Mapping[str, object] | None = None,
        **options: Unpack[LaunchPlanOptions],
    ) -> "LaunchPlan[Q, S] | LaunchPlan[..., S]":
        """Return the launch plan of a name, made if there is none; without a name the workflow's default.

        Raises:
            DiagnosticError: The name belongs to a launch plan that differs, or the default
                launch plan is asked to have inputs or options of its own.
        """
        plan: LaunchPlan[..., S] = LaunchPlan(name, workflow, default_inputs or {}, fixed_inputs or {}, options)
        if name is None:
            if plan.default_inputs or plan.fixed_inputs or options:
                raise DiagnosticError([_default_with_options(plan)])
            return plan
        existing = _created.get(name)
        if existing is None or plan.replaces(existing):
            _created[name] = plan
            return plan
        if not plan.same_as(existing):
            raise DiagnosticError([_name_taken(plan, existing)])
        return existing

    @staticmethod
    def get_default_launch_plan(workflow: Workflow[Q, S]) -> "LaunchPlan[Q, S]":
        """Return the launch plan that every workflow has: the workflow's name, inputs and defaults."""
        plan: LaunchPlan[Q, S] = LaunchPlan(None, workflow, {}, {}, {})
        return plan

    @property
    @override
    def short_name(self) -> str:
        return self.given_name or self.workflow.short_name

    @property
    @override
    def registered_name(self) -> str:
        return self.given_name or self.workflow.registered_name

    @property
    @override
    def span(self) -> SourceSpan:
        return self._site.span

    def span_of(self, argument: str) -> SourceSpan:
        """Where an argument of the call that made it stands; that call, if it can't be found."""
        return self._site.argument_spans().get(argument, self.span)

    @cached_property
    @override
    def callable_inputs(self) -> Iterable[str]:
        return dict.fromkeys(name for name in self.workflow.signature.inputs if name not in self.fixed_inputs)

    @cached_property
    @override
    def required_inputs(self) -> Iterable[str]:
        given = self.default_inputs.keys() | self.fixed_inputs.keys()
        return tuple(name for name in self.workflow.required_inputs if name not in given)

    @override
    def why_not_callable_with(self, name: str) -> tuple[str, str]:
        if name in self.fixed_inputs:
            return "fixed-input", f"has fixed its input `{name}`"
        return super().why_not_callable_with(name)

    @override
    def calls(self) -> Iterable[AnyEntity]:
        return (self.workflow,)

    @override
    def faults(self) -> Iterator[Diagnostic]:
        for found in launch_plan_option_faults(self.options):
            yield fault(found.code, found.headline, self.span_of(found.option), help=filter(None, [found.help]))
        known = self.workflow.signature.inputs
        for word, inputs in (("default_inputs", self.default_inputs), ("fixed_inputs", self.fixed_inputs)):
            for name in inputs:
                if name not in known:
                    yield fault(
                        "unknown-input",
                        f"`{self.workflow.short_name}` has no input `{name}`{nearest(name, known)}",
                        self.span_of(word),
                        f"its inputs are {', '.join(f'`{key}`' for key in known) or 'none'}",
                    )
        for name in (name for name in self.default_inputs if name in self.fixed_inputs):
            yield fault(
                "contradictory-options", f"`{name}` is both fixed and defaulted", self.span_of("fixed_inputs"),
                "fixed here",
                help=("fix it, or give it a default",),
                related=(label(self.span_of("default_inputs"), "defaulted here"),),
            )  # fmt: skip

    @override
    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        given = self.python_signature.bind_partial(*args, **kwargs).arguments
        if fixed := [name for name in given if name in self.fixed_inputs]:
            raise ArgumentError(
                [
                    fault(
                        "fixed-input",
                        f"`{self.short_name}` has fixed its input `{name}`",
                        author_site().span,
                        "callers cannot give it",
                        help=(f"leave `{name}` out",),
                        related=(label(self.span_of("fixed_inputs"), "fixed here"),),
                    )
                    for name in fixed
                ]
            )
        return self.workflow.bind((), {**self.default_inputs, **given, **self.fixed_inputs})

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        return self.workflow.run(inputs)

    def same_as(self, other: AnyEntity) -> bool:
        """Whether both say the same."""
        return isinstance(other, LaunchPlan) and self.content() == other.content()

    def replaces(self, other: AnyEntity) -> bool:
        """Whether this is a newer version of the other, from a module that was loaded again."""
        return (
            isinstance(other, LaunchPlan)
            and self.workflow is not other.workflow
            and (self.module, _place(self.workflow.function)) == (other.module, _place(other.workflow.function))
        )

    def content(self) -> tuple[object, ...]:
        """Return what two plans must share to be the same."""
        return (id(self.workflow), self.default_inputs, self.fixed_inputs, self.options)


_created: dict[str, LaunchPlan[..., Any]] = {}


def created_in(modules: Iterable[str]) -> Iterator[LaunchPlan[..., Any]]:
    """Yield the named launch plans that modules made, whether or not they kept them in a variable."""
    wanted = frozenset(modules)
    yield from (plan for plan in list(_created.values()) if plan.module in wanted)


def forget_created_in(modules: Iterable[str]) -> None:
    """Forget the named launch plans that modules made, so that the modules may be imported anew."""
    for plan in list(created_in(modules)):
        assert plan.given_name is not None
        del _created[plan.given_name]


def _place(function: Callable[..., object]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def _name_taken(plan: LaunchPlan[..., Any], existing: LaunchPlan[..., Any]) -> Diagnostic:
    return fault(
        "launch-plan-name-taken",
        f"there is already a launch plan `{plan.given_name}`",
        plan.span,
        "the second",
        help=("give it a name of its own",),
        related=(label(existing.span, "the first"),),
    )


def _default_with_options(plan: LaunchPlan[..., Any]) -> Diagnostic:
    return fault(
        "default-launch-plan-with-options",
        "a workflow's default launch plan has no inputs or options of its own",
        plan.span,
        "this one would have",
        help=("give it a `name`",),
    )
