"""Finding entities in files, folders and packages, by importing them as Python would."""

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label
from flytelike.model.span import SourceSpan
from flytelike.sdk.entity import AnyEntity, NodeEntity
from flytelike.sdk.imperative import ImperativeWorkflow
from flytelike.sdk.launch_plan import LaunchPlan, created_in, forget_created_in
from flytelike.sdk.map_task import MapTask
from flytelike.sdk.raised import raised_fault
from flytelike.sdk.reference import Reference
from flytelike.sdk.task import Task
from flytelike.sdk.workflow import Workflow

SKIPPED = {"__pycache__", "node_modules", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found: the project's root folder, the modules asked for, and their entities."""

    root: Path
    modules: tuple[ModuleType, ...]
    entities: tuple[AnyEntity, ...]

    def named(self, name: str) -> AnyEntity:
        """Return the entity of a name; an empty one means the only workflow.

        Raises:
            DiagnosticError: `entity-not-found`, with the names there are.
        """
        known = {short_name(entity): entity for entity in self.entities}
        workflows = [entity for entity in self.entities if isinstance(entity, Workflow)]
        if name in known:
            return known[name]
        for module in self.modules:  # an imperative workflow has a name beside that of its variable
            if isinstance(found := vars(module).get(name), ImperativeWorkflow):
                return found
        if not name and len(workflows) == 1:
            return workflows[0]
        where = ", ".join(sorted(module.__name__ for module in self.modules))
        headline = f"there is no `{name}` in {where}" if name else f"which of the workflows in {where} is meant?"
        listed = ", ".join(f"`{found}`" for found in known) or "none"
        raise DiagnosticError([Diagnostic("entity-not-found", headline, help=(f"entities found: {listed}",))])

    def forget(self) -> None:
        """Let Python forget the project's modules, so that another version of them can be imported."""
        gone = {name for name, module in sys.modules.items() if lies_below(module, self.root)}
        for name in gone:
            del sys.modules[name]
        forget_created_in(gone)
        sys.path[:] = [entry for entry in sys.path if entry != str(self.root)]
        importlib.invalidate_caches()


def lies_below(module: ModuleType, folder: Path) -> bool:
    """Tell whether a module is a file below a folder."""
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder)


def short_name(entity: AnyEntity) -> str:
    """Return the name people call an entity by."""
    return entity.given_name if isinstance(entity, LaunchPlan) and entity.given_name else entity.short_name


def load(paths: Iterable[Path]) -> Loaded:
    """Import files (or all modules of folders) and return the entities that they define.

    Raises:
        DiagnosticError: a path does not exist, or user code fails while it is imported.
    """
    loaded, faults = survey(paths)
    if faults:
        raise DiagnosticError(faults)
    return loaded


def survey(paths: Iterable[Path]) -> tuple[Loaded, tuple[Diagnostic, ...]]:
    """Import files and return what those that can be imported define, and what is wrong with the others.

    Raises:
        DiagnosticError: a path does not exist.
    """
    files = list(dict.fromkeys(file for path in paths for file in python_files(path)))
    root = common_root(files)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    modules, faults = all_imported(files, root)
    return Loaded(root, modules, tuple(entities_of(modules))), faults


def all_imported(files: Iterable[Path], root: Path) -> tuple[tuple[ModuleType, ...], tuple[Diagnostic, ...]]:
    """Import files; return the modules that can be imported, and what is wrong with the others."""
    modules: list[ModuleType] = []
    faults: list[Diagnostic] = []
    for file in files:
        try:
            modules.append(imported(file, root))
        except DiagnosticError as error:
            faults.extend(error.diagnostics)
    # Files that import a faulty one fail with it: the same fault is told once.
    return tuple(modules), tuple(dict.fromkeys(faults))


def python_files(path: Path) -> list[Path]:
    """Return a file itself, or all Python files below a folder; their paths are absolute."""
    whole = path.resolve()
    if whole.is_file():
        return [whole]
    if whole.is_dir():
        found = sorted(
            file
            for file in whole.rglob("*.py")
            if not any(part in SKIPPED or part.startswith(".") for part in file.relative_to(whole).parts)
        )
        if found:
            return found
    raise DiagnosticError(
        [
            Diagnostic(
                "path-not-found",
                f"`{path}` is no Python file and holds none",
                help=("give the path of a file such as `workflows.py`, or of a folder with Python files",),
            )
        ]
    )


def common_root(files: Iterable[Path]) -> Path:
    """Return the folder that all files are imported from: the top-most without `__init__.py`."""
    roots = {package_root(file) for file in files}
    if len(roots) == 1:
        return roots.pop()
    shared = min(roots, key=lambda found: len(found.parts))
    while not all(root.is_relative_to(shared) for root in roots):
        shared = shared.parent
    return shared


def package_root(file: Path) -> Path:
    """Return the nearest folder above a file that is no package."""
    folder = file.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def imported(file: Path, root: Path) -> ModuleType:
    """Import a file under its dotted name; user code that fails becomes a diagnostic."""
    parts = file.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    loaded = sys.modules.get(name)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "/").resolve() != file:
        headline = f"{file.name} would be imported as `{name}`, which is the name of another module"
        label = Label(SourceSpan(str(file)), "")
        raise DiagnosticError([Diagnostic("module-name-taken", headline, label, help=("rename the file",))])
    try:
        return importlib.import_module(name)
    except DiagnosticError:
        raise
    except SyntaxError as error:
        raise DiagnosticError([syntax_fault(error, file)]) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise anything
        raise DiagnosticError([import_fault(error, file)]) from None


def syntax_fault(error: SyntaxError, file: Path) -> Diagnostic:
    """Return the diagnostic for code that Python cannot parse."""
    line, end = error.lineno or 0, max(error.end_offset or 0, 0)
    span = SourceSpan(error.filename or str(file), line, error.offset or 0, error.end_lineno or line, end)
    text = (error.text.rstrip("\n"),) if error.text else ()
    return Diagnostic("syntax-error", f"{Path(span.file).name} is no valid Python", Label(span, error.msg, text))


def import_fault(error: BaseException, file: Path) -> Diagnostic:
    """Return the diagnostic for user code that failed while it was imported."""
    code = "module-not-found" if isinstance(error, ModuleNotFoundError) else "import-failed"
    help_ = "install the missing package, or correct its name" if isinstance(error, ImportError) else ""
    return raised_fault(code, f"{file.name} cannot be imported", error, SourceSpan(str(file)), help_)


def entities_of(modules: Iterable[ModuleType]) -> Iterable[AnyEntity]:
    """Return the tasks, workflows and launch plans that modules define, in the order of their names."""
    names = {module.__name__ for module in modules}
    found: dict[int, AnyEntity] = {}
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, NodeEntity) or isinstance(value, Reference | MapTask):
                continue
            if isinstance(value, Task | Workflow) and value.function.__module__ not in names:
                continue
            found.setdefault(id(value), value)
    for plan in created_in(names):
        found.setdefault(id(plan), plan)
    return found.values()
