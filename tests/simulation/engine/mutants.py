"""Faults in the engine, each of which its simulation must find: see `tests.simulation.planting`."""

from tests.simulation.mutant import Mutant


def _mutant(name: str, module: str, old: str, new: str) -> Mutant:
    return Mutant(name, f"propeller.engine.{module}", old, new, "tests.simulation.engine.run")


ENGINE_MUTANTS = (
    _mutant(
        "results go by their task alone",
        "lookups",
        "with_inputs(run.program.work_key(path), given, ignored",
        "with_inputs(run.program.work_key(path), {}, ignored",
    ),
    _mutant(
        "who overwrites takes results",
        "lookups",
        "        if not overwrite:\n            await self._find(asked)",
        "        if True:\n            await self._find(asked)",
    ),
    _mutant(
        "who leaves the cache alone fills it",
        "lookups",
        "not work.cached or not run.state.header.limits.cached:\n            return None",
        "not work.cached:\n            return None",
    ),
    _mutant(
        "work is reserved for who has given up",
        "lookups",
        "if one.entry is not None or given_up:",
        "if one.entry is not None:",
    ),
    _mutant(
        "work that ended stays reserved",
        "lookups",
        "            case ReleaseReservation(path=path):\n                await self.release(run, path)",
        "            case ReleaseReservation(path=path):\n                pass",
    ),
    _mutant(
        "leases are not renewed", "reservations", "        self._wait()\n        return taken", "        return taken"
    ),
    _mutant(
        "taken work is done all the same",
        "lookups",
        "(until_ns := taken.get(one.command.path)) is not None",
        "(until_ns := taken.get(one.command.path)) is None and False",
    ),
    _mutant(
        "work is let go before it has been stopped",
        "errands",
        "isinstance(errand, StartAttempt | StartChild | ReleaseReservation) else None",
        "isinstance(errand, StartAttempt | StartChild) else None",
    ),
    _mutant(
        "what was looked up is not kept in the commit",
        "lookups",
        "kept[path] = Kept(path, 0, data) if small else None",
        "kept[path] = None",
    ),
    _mutant(
        "a start that was called off begins", "errands", "if key is not None and key not in run.starts:", "if False:"
    ),
    _mutant(
        "a start that was held back and called off begins",
        "errands",
        "        for errand, tries in run.held_back.pop(path, ()):\n            self._put(run, errand, tries)",
        "        for errand, tries in run.held_back.pop(path, ()):\n"
        "            run.starts.setdefault((errand.path, errand.attempt), None)\n"
        "            self._put(run, errand, tries)",
    ),
    _mutant(
        "an attempt starts beside the one being stopped",
        "errands",
        "if blocked is not None:",
        "if False:",
    ),
    _mutant(
        "what was held back never goes on",
        "errands",
        "        for errand, tries in run.held_back.pop(path, ()):\n            self._put(run, errand, tries)",
        "        run.held_back.pop(path, ())",
    ),
    _mutant(
        "what is cut off before it begins counts for ever",
        "errands",
        "        run.under_way -= 1\n        self._settled(run)",
        "        run.under_way -= not task.cancelled()\n        self._settled(run)",
    ),
    _mutant("an abort stays in the outbox", "errands", "run.done.append(errand.id)", "pass"),
    _mutant("an errand that fails is not tried again", "errands", "if tries >= self._settings.tries_max:", "if True:"),
    _mutant(
        "a pause before another try leaves nothing to do",
        "errands",
        "        run.under_way += 1  # So that",
        "        pass  # So that",
    ),
    _mutant(
        "what is stale is not read again",
        "driver",
        "            run.stale = True\n            self._give_up_or_rest",
        "            self._give_up_or_rest",
    ),
    _mutant(
        "who rests sleeps for ever",
        "driver",
        "        if self.runs.get(run.id) is run:\n            self.wake(run)",
        "        pass",
    ),
    _mutant(
        "news that linger are forgotten",
        "driver",
        "        run.lingers = None\n        if run.inbox:\n            self.wake(run)",
        "        run.lingers = None",
    ),
    _mutant("the ended stay in memory", "driver", "elif run.idle and self", "elif False and self"),
    _mutant("the ended are left before their aborts", "driver", "elif run.idle and self", "elif self"),
    _mutant("news that come during a commit are lost", "driver", "del run.inbox[: len(batch)]", "run.inbox.clear()"),
    _mutant(
        "it acts before it has stored",
        "driver",
        "            decision = turn.decide(run, batch)",
        "            decision = turn.decide(run, batch)\n            self._errands.add(run, turn.errands_of(decision))",
    ),
    _mutant(
        "no command is kept in the outbox",
        "turn",
        "commands=commands",
        "commands={}",
    ),
    _mutant("the end is not told to the store", "turn", "closed=decision.header.ended,", "closed=False,"),
    _mutant("the history is not stored", "turn", "history=telling.batch(),", "history=None,"),
    _mutant("records are numbered anew", "turn", "run.sequence = telling.last", "pass"),
    _mutant("aborts are lost in a restart", "entry", "[*scopes, *stored.commands(), *outst", "[*scopes, *outst"),
    _mutant(
        "what is outstanding is lost in a restart",
        "entry",
        "*stored.commands(), *outstanding(run.program.plan, run.state)]",
        "*stored.commands()]",
    ),
    _mutant("who has not begun never begins", "entry", "if isinstance(stored.header.status, Accepted):", "if False:"),
    _mutant(
        "records read again are numbered as before",
        "entry",
        "run.version, run.sequence, run.seal = snapshot.version, stored.sequence, stored.seal",
        "run.version, run.seal = snapshot.version, stored.seal",
    ),
    _mutant(
        "what a commit told that nobody heard of stays untold",
        "entry",
        "        self._delivery.look_again()\n"
        "        self._errands.add(run, _errands(run, stored))\n\n    async def _refuse",
        "        self._errands.add(run, _errands(run, stored))\n\n    async def _refuse",
    ),
    _mutant(
        "what the dead committed last is told too late", "entry", "        if stored.sequence:", "        if False:"
    ),
    _mutant("nobody goes on with the unfinished", "engine", "self._entry.queue(unfinished)", "pass"),
    _mutant("nobody makes room", "engine", "        self._entry.make_room()", "        pass"),
    _mutant(
        "who was stored though an error was told is forgotten",
        "engine",
        "if request.id in self._driver.runs:",
        "if True:",
    ),
    _mutant(
        "a success counts without outputs",
        "effects",
        "given = await self._checked(run, path, attempt, uri, list(declared), news.outputs) if declared else None",
        "given = None",
    ),
    _mutant(
        "large outputs are not synced",
        "effects",
        "        await self._blobs.sync(uri)\n        return _Checked(",
        "        return _Checked(",
    ),
    _mutant(
        "an ended child is not looked at",
        "effects",
        "            return\n        await self._take_child(run, path, attempt, child)",
        "            return",
    ),
    _mutant(
        "children that an earlier engine started live on",
        "effects",
        "child = await self._child_of_earlier_engine(run, path, attempt)",
        "pass",
    ),
    _mutant("outputs are not restored", "effects", "if not whole:", "if False:"),
    _mutant(
        "timers ring too early",
        "effects",
        "self._clock.call_at(timer.due_ns,",
        "self._clock.call_at(timer.due_ns - 5_000_000_000,",
    ),
    _mutant(
        "what the sink refused is dropped",
        "delivery",
        "            return False\n        if self._failures:",
        "        if self._failures:",
    ),
    _mutant(
        "news overtake what is behind",
        "delivery",
        "        elif telling.execution not in self._apart:",
        "        if telling.execution not in self._apart:",
    ),
    _mutant("what was missed meanwhile stays untold", "delivery", "if not left and not self._missed:", "if not left:"),
    _mutant("more is dropped than was told", "delivery", "= entry.sequence\n", "= entry.sequence + 1\n"),
    _mutant("inputs come from the outermost workflow", "values", "parent_of(scope) if scope else ROOT", "ROOT"),
    _mutant(
        "a child of this attempt is taken for another's", "run", "children[max(children)]", "children[min(children)]"
    ),
    _mutant("an end leaves no mark", "turn", "commands[SEAL] = encode(Seal())", "pass"),
    _mutant("nothing is synced before the mark is dropped", "seal", "await self._blobs.sync_all(", "str("),
    _mutant("outputs are left out of the seal", "seal", "if isinstance(node, Succeeded):", "if False:"),
    _mutant("other inputs are overlooked", "taking_over", "if differing:", "if False:"),
    _mutant(
        "taken outputs are left in memory",
        "taking_over",
        "await self._keep(run, places.outputs_name(path, ATTEMPT), data)",
        "pass",
    ),
    _mutant("inputs are left out of the seal", "seal", "if not isinstance(node, Skipped | LeftOut):", "if False:"),
    _mutant(
        "inputs are not restored",
        "effects",
        "await self._write_again(run, places.inputs_name(path), serialise(inputs))",
        "pass",
    ),
    _mutant("what fails to be sealed is forgotten", "seal", "            return False\n", "            pass\n"),
    _mutant("the mark stays", "seal", "closed=True, done=[SEAL]", "closed=True"),
    _mutant("a seal is forgotten in a restart", "entry", "seal=stored.seal", "seal=False"),
    _mutant("what closed during a sweep is never dropped", "retention", "elif left or self._asked:", "elif left:"),
    _mutant(
        "history that could not be dropped stays",
        "delivery",
        "self._told, self._told_count = {**told, **self._told}, ",
        "self._told_count = 0 * ",
    ),
    _mutant(
        "a branch's inputs are lost in a power cut", "entry", "HandlingScopeFailure | Decided)", "HandlingScopeFailure)"
    ),
    _mutant(
        "what a branch gave is not taken over",
        "program",
        "return any(self.gives(path_in(scope, case.id)) for case in inner_nodes(node))",
        "return False",
    ),
    _mutant("a rejection passes", "gates", "elif value.scalar.primitive.boolean:", "elif True:"),
    _mutant("nobody is told of a signal", "gates", "if isinstance(node, AtGate):", "if False:"),
    _mutant(
        "a failure node is told of the last failure",
        "failing",
        "return first, owner.failure",
        "return END_OF_WORKFLOW, owner.failure",
    ),
    _mutant("the wrong case is chosen", "branching", "Comparator.LESS_OR_EQUAL: le,", "Comparator.LESS_OR_EQUAL: gt,"),
    _mutant("a sweep that fails is the last one", "retention", "full, left = False, True", "full, left = False, False"),
    _mutant(
        "what elements of an inner array gave is lost",
        "element_rows",
        "is_element = index.isdecimal()",
        'is_element = index.isdecimal() and path.count(".") == 2',
    ),
    _mutant("an array's inputs are lost in a power cut", "entry", "Collecting | Mapped |", "Collecting |"),
    _mutant(
        "an element's outputs are not looked at",
        "arrays",
        "        if missing:\n            return _no",
        "        if not missing:\n            return _no",
    ),
    _mutant(
        "elements are not stopped",
        "arrays",
        "        await executor.abort_elements(",
        "        0 and await executor.abort_elements(",
    ),
    _mutant(
        "what waits too long is not taken back",
        "arrays",
        "            if array.spec.queued_ns:",
        "            if False:",
    ),
)
