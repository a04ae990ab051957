"""Faults in the core's arrays, each of which the simulation must find: see `planting`."""

from tests.simulation.mutant import Mutant


def _mutant(name: str, module: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"propeller.core.{module}", old, new, "tests.simulation.run")


ARRAY_MUTANTS = (
    _mutant(
        "a stale result of an element is accepted",
        "elements",
        "return (sum(editor.failures.get(place, (0, 0))) if editor.failures else 0) == attempt",
        "return True",
    ),
    _mutant("elements that ended end again", "elements", "if editor.phases[place] != ElementPhase.OPEN:", "if False:"),
    _mutant(
        "one element too many at once",
        "array_node",
        "work.window - state.open + ended",
        "work.window - state.open + ended + 1",
    ),
    _mutant("the window is not refilled", "array_node", "work.window - state.open + ended", "work.window - state.open"),
    _mutant(
        "it goes on without hope",
        "array_node",
        "hopeless = state.length - failed < needed and not work.run_all",
        "hopeless = False",
    ),
    _mutant(
        "it gives up too early",
        "array_node",
        "state.length - failed < needed and",
        "state.length - failed <= needed and",
    ),
    _mutant("failed elements count as succeeded", "array_node", "if state.succeeded < needed:", "if False:"),
    _mutant(
        "an element's failures are forgotten",
        "array_node",
        "            elements.count_failures(index, users, systems)\n            progress.again",
        "            progress.again",
    ),
    _mutant(
        "a paused element never goes on",
        "elements",
        "if until == until_ns)",
        "if until == until_ns and place % 2)",
    ),
    _mutant(
        "elements are lost in a restart", "array_node", "if elements.phase(index) is ElementPhase.OPEN\n", "if False\n"
    ),
    _mutant(
        "pauses of elements are lost in a restart",
        "array_node",
        "            yield _pause_timer(place, mapped.attempt, number, until_ns)",
        "            pass",
    ),
    _mutant(
        "elements outlive their array",
        "stop",
        "turn.commands.append(AbortElements(name, place.path, state.attempt, reason))",
        "pass",
    ),
    _mutant(
        "elements with states outlive their array",
        "stop",
        "    else:\n        stop_scope(turn, scope_of(place.path, state.attempt), reason)",
        "    else:\n        pass",
    ),
    _mutant("states of elements are kept", "array_node", "    turn.drop(element.path)\n", ""),
    _mutant("outputs of lists are not waited for", "array_node", "elif _work(place).has_outputs:", "elif False:"),
    _mutant("an array takes no slot", "node_state", "ChildRunning, Measuring, Mapped})", "ChildRunning})"),
    _mutant("elements take slots", "index", "if slots and not element_of(place.path):", "if slots:"),
)
