"""Faults in the core, each of which the simulation must find: see `planting`."""

from tests.simulation.mutant import Mutant


def _mutant(name: str, module: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"propeller.core.{module}", old, new, "tests.simulation.run")


_STALE = "if not isinstance(state, Started | Running) or state.attempt != event.attempt:\n        return\n    place"
_OPEN = "if not isinstance(state, Started | Running):\n        return\n    place"

MUTANTS = (
    _mutant("a stale success is accepted", "task_node", _STALE, _OPEN),
    _mutant(
        "a stale failure is accepted",
        "task_node",
        "Started | Running) and state.attempt == event.attempt",
        "Started | Running)",
    ),
    _mutant("a stale child is accepted", "launch_plan_node", "state.attempt != event.attempt or ", ""),
    _mutant("a child that goes on has ended", "launch_plan_node", " or not event.phase.terminal", ""),
    _mutant(
        "outputs of a stale scope are accepted",
        "sub_workflow_node",
        "if isinstance(state, Collecting) and state.attempt == event.attempt:\n        _succeed",
        "if isinstance(state, Collecting):\n        _succeed",
    ),
    _mutant("events count after the end", "evaluate", "if turn.header.ended:", "if False:"),
    _mutant("one retry too many", "retry", "user_failures > budget.retries", "user_failures > budget.retries + 1"),
    _mutant("an author's pause is skipped", "retry", "if budget.backoff is not None", "if False"),
    _mutant("an author's pause does not grow", "retry", "int(pause * backoff.factor)", "pause"),
    _mutant("one retry too few", "retry", "user_failures > budget.retries", "user_failures >= budget.retries"),
    _mutant(
        "one restart too many",
        "retry",
        "system_failures > budget.system_retries",
        "system_failures > budget.system_retries + 1",
    ),
    _mutant("no pause", "retry", "return min(FIRST_PAUSE_NS", "return 0 * min(FIRST_PAUSE_NS"),
    _mutant("the pause does not grow", "retry", "<< min(system_failures - 1, 16)", "<< 0"),
    _mutant("whose fault it is does not matter", "retry", "if failure.fault is Fault.SYSTEM:", "if False:"),
    _mutant(
        "what is not retryable is retried",
        "retry",
        "if not failure.retryable:\n        return GiveUp(failure, exhausted=False)\n    if",
        "if",
    ),
    _mutant("used-up retries are not told", "retry", "code=EXHAUSTED + failure.code", "code=failure.code"),
    _mutant("a scope is retried too often", "retry", "failures + 1 > retries", "failures > retries"),
    _mutant("nodes start before all above them", "index", ".upstream)\n", ".upstream) - 1\n"),
    _mutant(
        "failure policies are swapped",
        "settle",
        "on_failure is FailurePolicy",
        "on_failure is not FailurePolicy",
    ),
    _mutant(
        "skips do not go on",
        "settle",
        "case Skipped():\n            _skip_below(turn, place)",
        "case Skipped():\n            pass",
    ),
    _mutant("one node too many at once", "turn", "self.tally.slots < limit", "self.tally.slots <= limit"),
    _mutant("held nodes are forgotten", "turn", "if self.tally.held == 0:", "if True:"),
    _mutant(
        "a pause gives its slot away", "node_state", "Running, BackingOff, ChildRunning}", "Running, ChildRunning}"
    ),
    _mutant("the line is forgotten on reload", "state", "in sorted(held)", "in sorted(held, reverse=True)"),
    _mutant(
        "attempts outlive their scope",
        "stop",
        "turn.commands.append(task_node.abort_command(place, attempt, reason))",
        "pass",
    ),
    _mutant(
        "children outlive their parent",
        "stop",
        "turn.commands.append(launch_plan_node.abort_command(place, attempt, reason))",
        "pass",
    ),
    _mutant("inner scopes are not stopped", "stop", "stop_scope(turn, scope_of(path, attempt), reason)", "pass"),
    _mutant(
        "a hanging attempt is not stopped",
        "task_node",
        "turn.commands.append(abort_command(place, state.attempt, failure.message))\n",
        "pass\n",
    ),
    _mutant(
        "any timer is a deadline",
        "task_node",
        "case Running() if stamp == deadline.stamp(state.attempt, state.started_ns):",
        "case Running():",
    ),
    _mutant(
        "any timer ends a wait",
        "task_node",
        "case Started() if stamp == deadline.queued_stamp(state.attempt):",
        "case Started():",
    ),
    _mutant(
        "no attempt waits in vain",
        "task_node",
        "turn.commands.append(deadline.queued(place.path, state.attempt, turn.now_ns + limit_ns))",
        "pass",
    ),
    _mutant("no deadline", "task_node", "if timeout_ns:", "if False:"),
    _mutant("any timer ends a pause", "task_node", " and event.stamp == deadline.retry_stamp(state.attempt)", ""),
    _mutant("the last failure is the execution's", "execution", "if status.failure is None:\n", "if True:\n"),
    _mutant("the last chance is interruptible", "task_node", "system_failures >= node.system_retries", "False"),
    _mutant(
        "pauses are lost in a restart",
        "resume",
        "yield deadline.retry(place.path, node.attempt, until_ns)",
        "pass",
    ),
    _mutant(
        "attempts are lost in a restart",
        "resume",
        "yield task_node.start_command(plan, place, work, node, state.header.limits)",
        "pass",
    ),
    _mutant(
        "a success is recorded twice",
        "task_node",
        "turn.tell_node(place, NodePhase.SUCCEEDED, cache=event.cache)",
        "turn.tell_node(place, NodePhase.SUCCEEDED); turn.tell_node(place, NodePhase.SUCCEEDED)",
    ),
    _mutant("a stale graph is accepted", "dynamic_node", _STALE.replace("\n    place", "\n    place"), _OPEN),
    _mutant(
        "the failure of a graph does not count",
        "sub_workflow_node",
        "task_node.again(turn, place, work, failures, state.system_failures)",
        "task_node.again(turn, place, work, state.user_failures, state.system_failures)",
    ),
    _mutant(
        "the platform's failures are forgotten with a graph",
        "sub_workflow_node",
        "task_node.again(turn, place, work, failures, state.system_failures)",
        "task_node.again(turn, place, work, failures, 0)",
    ),
    _mutant(
        "a graph that failed takes a slot that is not free",
        "task_node",
        "if turn.slot_is_free and turn.tally.held == 0:",
        "if True:",
    ),
    _mutant(
        "what failed is forgotten while its next attempt is held",
        "cache_lookup",
        "Started(held.user_failures, held.system_failures) if isinstance(held, Held) else Started()",
        "Started()",
    ),
    _mutant("which graph was given is not kept", "state", "self.graphs.update(decision.graphs)", "pass"),
    _mutant(
        "any timer ends a graph",
        "dynamic_node",
        "if event.stamp == deadline.graph_stamp(state.attempt, state.started_ns):",
        "if True:",
    ),
    _mutant(
        "what is listed runs",
        "settle",
        "case Reuse.TAKE:\n            taking_over.start(turn, place)",
        "case Reuse.TAKE:\n            run(turn, place)",
    ),
    _mutant(
        "what is left out runs",
        "settle",
        "case Reuse.LEAVE:\n            taking_over.leave_out(turn, place)",
        "case Reuse.LEAVE:\n            run(turn, place)",
    ),
    _mutant(
        "nodes below one that is left out wait for ever",
        "node_state",
        "DONE_STATES = frozenset({Succeeded, LeftOut})",
        "DONE_STATES = frozenset({Succeeded})",
    ),
    _mutant("what could not be taken over is forgotten", "evaluate", "        run(turn, place)\n", "        pass\n"),
    _mutant("taking over is lost in a restart", "resume", "yield taking_over.command(place)", "pass"),
    _mutant(
        "what could not be taken over counts as taken over",
        "taking_over",
        "NodePhase.QUEUED, note=event.why)\n    return place",
        "NodePhase.RECOVERED)\n    turn.move(place, Cause.TAKEN, Succeeded(ATTEMPT))\n    return None",
    ),
    _mutant(
        "another case runs too",
        "branch_node",
        "        if other != case:\n            skip(turn, place.beside(other))",
        "        if other != case:\n            turn.ready.append(place.beside(other))",
    ),
    _mutant("every case above which all is done is chosen", "branch_node", "and state.case == case.node.id", ""),
    _mutant("a chosen case does not wait", "branch_node", "elif turn.tally.missing_above(taken) == 0:", "else:"),
    _mutant("a stale choice is accepted", "branch_node", "Deciding) or event.attempt != 0:", "Deciding):"),
    _mutant("an unknown case is chosen", "branch_node", "if case in _cases(place):", "if True:"),
    _mutant(
        "cases of a skipped branch are forgotten",
        "branch_node",
        "for case in _cases(place):\n        skip(turn, place.beside(case))\n\n\ndef decide",
        "for case in ():\n        skip(turn, place.beside(case))\n\n\ndef decide",
    ),
    _mutant("choices are lost in a restart", "resume", "yield branch_node.decide_command(place)", "pass"),
    _mutant("gates are lost in a restart", "resume", "yield from gate_node.wait_commands(place, node)", "pass"),
    _mutant("a stale signal is accepted", "gate_node", "AtGate) or event.attempt != 0:", "AtGate):"),
    _mutant("a gate never gives up", "gate_node", "if place.node.timeout_ns:", "if False:"),
    _mutant(
        "any timer ends a gate's wait", "gate_node", "elif event.stamp == deadline.stamp(0, state.started_ns):", "else:"
    ),
    _mutant("the failure node runs though all went well", "execution", "if status.failure is not None:", "if True:"),
    _mutant("no failure node runs", "execution", "if workflow.cleanup is None or", "if True or"),
    _mutant("no failure node of a sub-workflow runs", "sub_workflow_node", "if workflow.cleanup is None:", "if True:"),
    _mutant(
        "a failing failure node is not told",
        "execution",
        "end.failure if isinstance(end, Failed) else status.failure",
        "status.failure",
    ),
    _mutant("outputs are not waited for", "execution", "if turn.plan.primary.has_outputs:", "if False:"),
    _mutant("a node overrides its task's retries with nothing", "plan", "retries or of_task.retries", "retries"),
    _mutant(
        "a stale answer of the catalog is accepted",
        "cache_lookup",
        "if state == LookingUp(event.round) else None",
        "if isinstance(state, LookingUp | Started) else None",
    ),
    _mutant(
        "what was found is computed all the same",
        "cache_lookup",
        "            found(turn, event)",
        "            missed(turn, CacheMissed(event.path, event.round, event.at_ns, event.note))",
    ),
    _mutant("the catalog is not asked", "settle", "if work.cached and turn.header", "if False and turn.header"),
    _mutant(
        "a flag to leave the cache alone is not heard",
        "settle",
        "work.cached and turn.header.limits.cached",
        "work.cached",
    ),
    _mutant(
        "who waits for a result is never woken",
        "cache_lookup",
        "        turn.commands.append(deadline.cache(event.path, event.round, event.until_ns))\n",
        "",
    ),
    _mutant(
        "a look-up needs no slot",
        "node_state",
        "frozenset({LookingUp, WaitingForCache, Started",
        "frozenset({WaitingForCache, Started",
    ),
    _mutant("failed work stays reserved", "settle", "isinstance(work, TaskWork) and work.serialize:", "False:"),
    _mutant(
        "aborted work stays reserved",
        "stop",
        "isinstance(work, TaskWork) and work.cached and turn.header.limits.cached:",
        "False:",
    ),
    _mutant(
        "a look-up is forgotten in a restart", "resume", "yield cache_lookup.look_up_command(place, asked)", "pass"
    ),
    _mutant(
        "a wait is forgotten in a restart",
        "resume",
        "yield deadline.cache(place.path, asked, until_ns)",
        "pass",
    ),
    _mutant(
        "a result that was found is not told as such",
        "cache_lookup",
        "NodePhase.SUCCEEDED, cache=event.note",
        "NodePhase.SUCCEEDED",
    ),
)
