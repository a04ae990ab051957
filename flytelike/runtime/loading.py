"""Finds the task object: imports the author's module and looks its name up."""

import difflib
import importlib
import sys

from flytelike.runtime.contract import RunnableTask
from flytelike.runtime.failures import TASK_NOT_FOUND, AttemptError, of_import, user_error


def load_task(module: str, name: str, code_root: str) -> RunnableTask:
    """Return the task `name` of `module`; `code_root` is put on the import path.

    Raises:
        AttemptError: The module is not there, its import raises, or it has no such task.
    """
    if code_root and code_root not in sys.path:
        sys.path.insert(0, code_root)
        importlib.invalidate_caches()
    try:
        loaded = sys.modules.get(module) or importlib.import_module(module)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise AttemptError(of_import(error, module, code_root)) from error
    found: object = loaded
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, RunnableTask):
        return found
    raise _not_found(module, name, found, vars(loaded))


def _not_found(module: str, name: str, found: object, names: dict[str, object]) -> AttemptError:
    tasks = sorted(known for known, value in names.items() if isinstance(value, RunnableTask))
    if found is not None:
        text = f"{name} in {module} is a {type(found).__name__}, not a task. Is its decorator missing?"
    elif close := difflib.get_close_matches(name, tasks):
        text = f"module {module} has no task {name}; did you mean {close[0]}?"
    else:
        text = f"module {module} has no task {name}; it has {', '.join(tasks) or 'none'}"
    return user_error(TASK_NOT_FOUND, text)
