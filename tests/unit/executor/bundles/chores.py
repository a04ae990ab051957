"""Tasks that behave and misbehave. Loaded by workers, as an author's module would be."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import typing
from dataclasses import replace
from pathlib import Path

from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.exceptions import FlyteNonRecoverableSystemException, FlyteRecoverableException, IgnoreOutputs
from flytelike.model.graph import Container, Node, TaskTarget, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import NodeId, ResourceKind
from flytelike.model.interface import TypedInterface
from flytelike.model.policies import TaskMetadata


class _Input:
    def __init__(self, hint):
        self.hint = hint


class _Hints:
    def __init__(self, inputs, hints):
        self.inputs = {name: _Input(hint) for name, hint in inputs.items()}
        self.hints = hints
        self.outputs = self


class Task:
    """What the runtime asks of a task, and no more."""

    def __init__(self, function):
        hints = typing.get_type_hints(function)
        result = hints.pop("return", type(None))
        self.function = function
        self.signature = _Hints(hints, {} if result is type(None) else {"o0": result})

    def call(self, inputs):
        return self.function(**inputs)

    def report_fields(self):
        return None

    def outputs_of(self, result):
        names = list(self.signature.outputs.hints)
        if not names and result is not None:
            raise TypeError("declares no output but returned one")
        return {"o0": result} if names else {}


@Task
def nothing() -> None:
    pass


class Dynamic(Task):
    """A task that gives two nodes to run next, each like itself."""

    def expand(self, inputs, *, task, values, code, root):
        nodes = tuple(Node(NodeId(f"dn{number}"), TaskTarget(task)) for number in range(2))
        graph = replace(task, kind=ResourceKind.WORKFLOW)
        template = TaskTemplate(
            task, "python-task", TaskMetadata(), TypedInterface(), Container("image", args=("true",))
        )
        return DynamicJob(WorkflowTemplate(graph, TypedInterface(), nodes, ()), (template,))


@Dynamic
def spread() -> None:
    pass


@Task
def double(n: int) -> int:
    return 2 * n


@Task
def say(text: str) -> None:
    print(text)
    print("to stderr", file=sys.stderr)
    print("no newline", end="")


@Task
def fail(text: str) -> None:
    raise ValueError(text)


@Task
def fail_recoverably() -> None:
    raise FlyteRecoverableException("try again")


@Task
def fail_in_system() -> None:
    raise FlyteNonRecoverableSystemException("the other side is gone")


@Task
def ignore_outputs() -> int:
    raise IgnoreOutputs


@Task
def wrong_output() -> int:
    return "seven"


@Task
def strange_output() -> threading.Thread:
    return threading.Thread()


@Task
def leave(code: int) -> None:
    sys.exit(code)


@Task
def interrupt() -> None:
    raise KeyboardInterrupt


@Task
def recurse() -> int:
    return recurse.function()


@Task
def no_memory() -> None:
    raise MemoryError


@Task
def exit_at_once(code: int) -> None:
    print("last words", flush=True)
    os._exit(code)


@Task
def segfault() -> None:
    ctypes.string_at(0)


@Task
def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@Task
def eat(mebibytes: int) -> int:
    held = bytearray(mebibytes << 20)
    for at in range(0, len(held), 4096):
        held[at] = 1
    signal.pause()
    return len(held)


@Task
def hold(mebibytes: int) -> int:
    return len(b"x" * (mebibytes << 20))


@Task
def let_a_child_hold(mebibytes: int) -> None:
    subprocess.run([sys.executable, "-c", f"b'x' * ({mebibytes} << 20)"], check=True)


@Task
def spend(milliseconds: int) -> None:
    """Keep a processor busy, and let a child keep it as busy again."""
    source = f"import time\nwhile time.process_time() < {milliseconds} / 1000: pass"
    subprocess.run([sys.executable, "-c", source], check=True)
    until = time.process_time() + milliseconds / 1000
    while time.process_time() < until:
        pass


@Task
def hold_and_die(mebibytes: int) -> None:
    held = b"x" * (mebibytes << 20)
    os._exit(len(held) >> 50)


@Task
def write_megabytes(count: int) -> None:
    line = "x" * 1023 + "\n"
    for _ in range(count * 1024):
        sys.stdout.write(line)


@Task
def wait_for_ever(pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getpid()))
    while True:
        signal.pause()


@Task
def ignore_sigterm(pid_file: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(pid_file).write_text(str(os.getpid()))
    while True:
        signal.pause()


@Task
def clean_up_on_sigterm(file: str) -> None:
    def clean(*_):
        Path(file).write_text("cleaned")
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, clean)
    print("ready", flush=True)
    while True:
        signal.pause()


_DAEMON = """
import os, signal, sys
from pathlib import Path
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1] + ".part").write_text(str(os.getpid()))
os.rename(sys.argv[1] + ".part", sys.argv[1])
while True: signal.pause()
"""


@Task
def leave_daemon(pid_file: str) -> None:
    """Leave a grandchild that changed session and ignores SIGTERM."""
    subprocess.run([sys.executable, "-c", _DAEMON, pid_file], check=True)
    while not Path(pid_file).exists():
        time.sleep(0.001)


@Task
def daemon_and_wait(pid_file: str) -> None:
    leave_daemon.function(pid_file)
    while True:
        signal.pause()


@Task
def leave_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


@Task
def fork_and_return() -> int:
    """Return in two processes, which only the parent should be heard of."""
    return 1 if os.fork() else 2


@Task
def litter() -> None:
    """Leave everything untidy that a process can."""
    import logging

    os.environ["LITTER"] = "1"
    os.chdir("/")
    Path(os.environ["TMPDIR"], "litter").write_text("1")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    logging.basicConfig(level=logging.DEBUG)
    sys.stdout = open(os.devnull, "w")
    os.close(2)
    sys.stdin = None


@Task
def report() -> str:
    """Tell what of `litter` is still to be seen."""
    import logging

    found = []
    if "LITTER" in os.environ:
        found.append("env")
    if Path.cwd() == Path("/"):
        found.append("cwd")
    if os.listdir(os.environ["TMPDIR"]):
        found.append("tmp")
    if signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL:
        found.append("signal")
    if logging.getLogger().handlers or logging.getLogger().level != logging.WARNING:
        found.append("logging")
    print("printed")
    print("complained", file=sys.stderr)
    return ",".join(found)


@Task
def read_file(name: str) -> str:
    return Path(name).read_text()


@Task
def write_here(name: str) -> str:
    Path(name).write_text(name)
    return ",".join(sorted(os.listdir(".")))


@Task
def env(name: str) -> str:
    return os.environ.get(name, "")


@Task
def pid() -> int:
    return os.getpid()


not_a_task = 3


@Task
def scaled(n: int, by: int) -> int:
    return n * by


@Task
def risky(n: int) -> int:
    """Each number is a way to end."""
    if n == 3:
        print("about to leave")
        sys.stdout.flush()
        os._exit(7)
    if n == 5:
        raise ValueError("five")
    if n == 6:
        time.sleep(60)
    if n == 8:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if n % 2:
        print(f"odd {n}")
    return n


@Task
def halting(n: int, halts: int, folder: str) -> int:
    """Note each run; one number waits until it may go on."""
    with Path(folder, f"ran-{n}").open("a") as file:
        file.write("x")
    while n == halts and not Path(folder, "go").exists():
        time.sleep(0.01)
    return n


@Task
def long_text(n: int) -> str:
    return "x" * 200_000


@Task
def reveal() -> None:
    raise ValueError(os.environ["_FSEC_DB_PASSWORD"])
