"""Order, names and policies of nodes; workflows inside workflows."""

from datetime import timedelta

import pytest

from flytelike import Cache, LaunchPlan, Resources, WorkflowFailurePolicy, create_node, task, workflow
from flytelike.model.graph import LaunchPlanTarget, SubWorkflowTarget, TaskTarget
from flytelike.model.policies import FailurePolicy, ResourceName
from tests.unit.sdk.built import built, given, nodes_of, workflow_of

ran: list[str] = []


@task
def clean() -> None:
    ran.append("clean")


@task
def load(path: str = "a") -> int:
    ran.append("load")
    return 1


@task
def pair() -> tuple[int, int]:
    ran.append("pair")
    return 1, 2


@workflow
def inner(number: int, step: int = 1) -> int:
    """Add up."""
    return add(left=number, right=step)


@task
def add(left: int, right: int) -> int:
    return left + right


class TestOrder:
    def test_a_chain_orders_neighbours(self) -> None:
        @workflow
        def chained() -> None:
            clean() >> load() >> clean()

        assert {name: node.upstream for name, node in nodes_of(chained).items()} == {
            "n0": (),
            "n1": ("n0",),
            "n2": ("n1",),
        }

    def test_runs_before_and_created_nodes_say_the_same(self) -> None:
        @workflow
        def ordered() -> None:
            first = create_node(clean)
            second = create_node(load)
            second.runs_before(first)

        assert nodes_of(ordered)["n0"].upstream == ("n1",)

    def test_a_tuple_of_results_stands_for_its_call(self) -> None:
        @workflow
        def ordered() -> int:
            both = pair()
            both >> clean()
            clean() >> both
            return both[0]

        found = nodes_of(ordered)
        assert (found["n1"].upstream, found["n0"].upstream) == (("n0",), ("n2",))

    def test_one_call_may_come_before_several(self) -> None:
        @workflow
        def fan_out() -> None:
            clean() >> [load(), load()]

        assert [node.upstream for node in workflow_of(fan_out).nodes] == [(), ("n0",), ("n0",)]

    def test_said_twice_is_said_once(self) -> None:
        @workflow
        def twice() -> None:
            first, second = clean(), load()
            first >> second
            first >> second

        assert nodes_of(twice)["n1"].upstream == ("n0",)

    def test_plain_python_keeps_the_order(self) -> None:
        @workflow
        def reversed_order() -> int:
            rows = load()
            clean() >> rows
            return rows

        ran.clear()
        assert reversed_order() == 1
        assert ran == ["clean", "load"]


class TestOverrides:
    def test_policies_of_a_node_are_its_own(self) -> None:
        @workflow
        def overridden() -> int:
            load()
            return load().with_overrides(
                node_name="Load flights!",
                name="Load",
                retries=3,
                timeout=timedelta(minutes=1),
                interruptible=True,
                cache=Cache(version="2", serialize=True),
                requests=Resources(cpu="500m"),
                limits=Resources(cpu=1),
                container_image="python:3.12",
                aliases={"o0": "rows"},
            )

        plain, other = workflow_of(overridden).nodes
        assert (plain.id, plain.metadata.name, plain.metadata.retries, plain.metadata.timeout_ns) == (
            "n0", "load", None, None,
        )  # fmt: skip
        assert (other.id, other.metadata.name, other.metadata.retries) == ("load-flights", "Load", 3)
        assert other.metadata.timeout_ns == 60 * 10**9
        assert (other.metadata.cacheable, other.metadata.cache_version) == (True, "2")
        assert (other.metadata.interruptible, other.metadata.cache_serializable) == (True, True)
        assert isinstance(other.target, TaskTarget)
        assert other.target.overrides.container_image == "python:3.12"
        assert other.target.overrides.resources is not None
        assert other.target.overrides.resources.requests == {ResourceName.CPU: "500m"}
        assert other.target.overrides.resources.limits == {ResourceName.CPU: "1"}
        assert [(found.var, found.alias) for found in other.aliases] == [("o0", "rows")]

    def test_an_entity_with_overrides_makes_such_nodes(self) -> None:
        patient = load.with_overrides(retries=5)

        @workflow
        def overridden() -> int:
            patient(path="b")
            return load()

        assert [node.metadata.retries for node in workflow_of(overridden).nodes] == [5, None]

    def test_overrides_add_up_and_the_last_word_counts(self) -> None:
        @workflow
        def twice() -> int:
            return load().with_overrides(retries=1, name="a").with_overrides(retries=2)

        (node,) = workflow_of(twice).nodes
        assert (node.metadata.retries, node.metadata.name) == (2, "a")

    def test_calls_without_outputs_can_be_overridden_too(self) -> None:
        @workflow
        def quiet() -> None:
            clean().with_overrides(node_name="sweep")

        assert list(nodes_of(quiet)) == ["sweep"]


class TestWorkflowsInside:
    def test_a_workflow_is_a_node_and_its_defaults_are_bound(self) -> None:
        @workflow
        def outer(number: int) -> int:
            return inner(number=inner(number=number), step=2)

        found = nodes_of(outer)
        assert all(isinstance(node.target, SubWorkflowTarget) for node in found.values())
        assert given(found["n0"].bindings) == {"number": ".number", "step": 1}
        assert given(found["n1"].bindings) == {"number": "n0.o0", "step": 2}
        assert outer(number=5) == 8

    def test_what_is_called_comes_along_once(self) -> None:
        @workflow
        def outer(number: int) -> int:
            return inner(number=inner(number=number))

        found = built(outer)
        assert [task.id.name.rpartition(".")[2] for task in found.tasks] == ["add"]
        assert sorted(flow.id.name.rpartition(".")[2] for flow in found.workflows) == ["inner", "outer"]

    def test_a_launch_plan_is_a_node_that_leaves_its_own_inputs_to_itself(self) -> None:
        plan = LaunchPlan.get_or_create(inner, "by_two", default_inputs={"number": 1}, fixed_inputs={"step": 2})

        @workflow
        def outer() -> int:
            return plan(number=plan())

        first, second = workflow_of(outer).nodes
        assert isinstance(first.target, LaunchPlanTarget)
        assert (given(first.bindings), given(second.bindings)) == ({}, {"number": "n0.o0"})
        assert outer() == 5

    @pytest.mark.parametrize(
        ("policy", "wanted"),
        [
            (None, FailurePolicy.FAIL_IMMEDIATELY),
            (
                WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE,
                FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE,
            ),
        ],
    )
    def test_the_failure_policy_is_the_workflows(self, policy, wanted) -> None:
        @workflow(failure_policy=policy)
        def careful() -> int:
            return load()

        assert workflow_of(careful).metadata.on_failure is wanted

    def test_docstrings_describe_the_interface(self) -> None:
        @workflow
        def described(number: int) -> int:
            """Add one.

            Args:
                number: What to add to.

            Returns:
                One more.
            """
            return inner(number=number)

        interface = workflow_of(described).interface
        assert (interface.inputs["number"].description, interface.outputs["o0"].description) == (
            "What to add to.", "One more.",
        )  # fmt: skip
