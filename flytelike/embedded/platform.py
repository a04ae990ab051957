"""The embedded platform: control plane, engine and workers in this process, on one data folder."""

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.collecting.policy import Policies
from flytelike.controlplane.collecting.ports import Keepers
from flytelike.controlplane.server import serve
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tls import TlsFiles
from flytelike.embedded.adapters import (
    ChildrenOfPlane,
    LaunchedByEngine,
    LogsOfWorkers,
    SignalsOfPlane,
)
from flytelike.embedded.closures import ClosuresOfPlane
from flytelike.embedded.folder import DataFolder, Endpoint
from flytelike.embedded.garbage import rarely_collected
from flytelike.embedded.images import image_environments
from flytelike.embedded.keepers import EngineLayout, LogFiles, StatesOfEngine
from flytelike.embedded.quotas import UsesOfAllocator, quotas_of, tenants_of
from flytelike.embedded.retention import policies_in
from flytelike.embedded.secret_folder import SecretFolder
from flytelike.embedded.secrets import SecretsOfPlatform
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.storage import Store, StoreConfig
from propeller.allocation import LocalAllocator
from propeller.engine import Engine, EngineSettings, Ports
from propeller.engine.loop_clock import LoopClock
from propeller.executors.process import ProcessExecutor, ProcessSettings
from propeller.executors.process.devices import discovered
from propeller.executors.process.scratch import sweep
from propeller.ports import StoreError
from propeller.stores.blobs import BlobsOnStore
from propeller.stores.sql import SqlStateStore


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """How a platform is run: addresses (port 0 is any free one), and how many tasks and eager functions run at once.

    `gpus` are the names of the GPUs that tasks may be given; None: those that the machine has.
    `images` are the `IMAGE=FOLDER` words; the data folder's `images.yaml` comes after them.
    `cache_ttl_ns`, `cache_bytes_max`, `access`, `tls` and `public_url` are the control plane's settings of these names,
    as `schedules` is: a platform that is there for one command starts nothing of its own.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 0
    http_port: int = 0
    slots: int | None = None
    eager_slots: int | None = None
    gpus: tuple[str, ...] | None = None
    images: tuple[str, ...] = ()
    cache_ttl_ns: int = 0
    cache_bytes_max: int = 0
    access: AccessOptions = field(default_factory=AccessOptions)
    tls: TlsFiles | None = None
    public_url: str = ""
    schedules: bool = False


class Platform:
    """A running platform, as an async context manager. The caller holds the folder's lock.

    Entering raises DiagnosticError when a port or database cannot be used.
    """

    def __init__(self, folder: DataFolder, options: PlatformOptions) -> None:
        """Prepare; nothing is opened yet."""
        self.folder = folder
        self.options = options
        self.endpoint = Endpoint("", "", os.getpid())
        self.address = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Bring everything up, and go on with what was unfinished."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Bring everything down: no new calls, commits finished, workers ended."""
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        # A path rather than a `file://` uri: stock Flyte code takes only the former for a file of this machine.
        folder, base = self.folder, str(self.folder.store)
        access = self.options.access
        token = folder.give_token() if access.guards else None
        if token is None:
            folder.take_token()
        workers = await asyncio.to_thread(self._workers, base, token)
        # What a killed platform left goes at once, and not only when the first worker is wanted.
        sweeping = asyncio.create_task(asyncio.to_thread(sweep), name="sweep_scratch")
        stack.push_async_callback(asyncio.wait, [sweeping])
        store = Store(StoreConfig())
        launcher, logs = LaunchedByEngine(), LogsOfWorkers()
        metadata, states, log_files = f"{base}/metadata/propeller", StatesOfEngine(), LogFiles()
        policies = policies_in(folder.retention_file)
        keepers = Keepers(EngineLayout(metadata), log_files, states, policies)
        settings = Settings(
            database_url=f"sqlite:///{folder.controlplane_db}",
            store_base=base,
            host=self.options.host,
            grpc_port=self.options.grpc_port,
            http_port=self.options.http_port,
            cache_ttl_ns=self.options.cache_ttl_ns,
            cache_bytes_max=self.options.cache_bytes_max,
            access=access,
            token_file=token,
            tls=self.options.tls,
            local_grpc=self.options.tls is not None,
            public_url=self.options.public_url,
            schedules=self.options.schedules,
        )
        plane = ControlPlane(settings, store, launcher, logs=logs, keepers=keepers)
        await plane.start()
        stack.push_async_callback(plane.close)
        ports = Ports(
            store=await self._states(),
            blobs=BlobsOnStore(store),
            sink=plane,
            children=ChildrenOfPlane(plane),
            closures=ClosuresOfPlane(plane, store),
            clock=LoopClock(),
            signals=SignalsOfPlane(plane),
            catalog=plane.catalog,
        )
        # The folder's lock keeps other processes out: who holds the lease is one that died.
        engine = Engine(ports, engine_settings(metadata, settings.raw_prefix, policies))
        rules = plane.tenancy.rules
        allocator = LocalAllocator(quotas_of(rules, workers.machine), ports.clock, tenants_of(rules))
        plane.tenancy.on_changed(lambda new: allocator.change(quotas_of(new, workers.machine), tenants_of(new)))
        plane.tenancy.connect(UsesOfAllocator(allocator))
        secrets = SecretsOfPlatform(SecretFolder(folder.secrets))
        executor = ProcessExecutor(workers, store, engine, allocator, secrets)
        logs.connect(executor.logs)
        log_files.connect(executor.logs)
        launcher.connect(engine)
        states.connect(engine, executor)
        plane.history.on_child_ended(lambda ended: engine.child_ended(ended.parent, ended.attempt, ended.child))
        stack.push_async_callback(engine.close)
        await engine.start(executor)
        await plane.reconcile()
        addresses = await stack.enter_async_context(serve(plane))
        self.address = addresses.grpc
        # Workers and commands on this machine come to the port that is its own: a certificate names another one.
        self.endpoint = Endpoint(addresses.local, addresses.http, os.getpid())
        folder.announce(self.endpoint)
        stack.callback(folder.retract)
        stack.enter_context(rarely_collected())

    async def _states(self) -> SqlStateStore:
        """Open the engine's database; its faults become diagnostics."""
        try:
            return await SqlStateStore.open(f"sqlite:///{self.folder.propeller_db}")
        except StoreError as error:
            raise DiagnosticError([state_fault(error, self.folder)]) from error

    def _workers(self, base: str, token: Path | None) -> ProcessSettings:
        env = {
            "FLYTELIKE_UPLOAD_PREFIX": f"{base}/uploads",
            "FLYTELIKE_CODE_CACHE": str(self.folder.code),
            "FLYTELIKE_ENDPOINT": f"file:{self.folder.endpoint_file}",
        }
        if token is not None:
            env["FLYTELIKE_TOKEN_FILE"] = str(token)
        settings = ProcessSettings(
            logs=self.folder.logs,
            env=env,
            # The engine commits small outputs itself and syncs large ones before it records a success.
            durable_documents=False,
            small_outputs_stored=False,
            images=image_environments(self.options.images, self.folder.images_file),
            preload=("flytelike.sdk.task", "flytelike.sdk.workflow"),
            disks=(self.folder.root, Path(tempfile.gettempdir())),
        )
        if self.options.slots is not None:
            settings = replace(settings, slots=self.options.slots)
        if self.options.eager_slots is not None:
            settings = replace(settings, eager_slots=self.options.eager_slots)
        gpus = discovered() if self.options.gpus is None else self.options.gpus
        if gpus:
            settings = replace(settings, gpus=gpus)
        return settings


def engine_settings(metadata: str, raw_prefix: str, policies: Policies) -> EngineSettings:
    """Return the engine's settings; how long it keeps the states of what has ended is the owner's to say."""
    settings = EngineSettings(metadata, raw_prefix, holder="embedded")
    if policies.engine_states_ns is None:
        return settings
    return replace(settings, retention_ns=policies.engine_states_ns)


def state_fault(error: StoreError, folder: DataFolder) -> Diagnostic:
    """Return the diagnostic for an engine's database that cannot be used."""
    return Diagnostic(
        error.code,
        f"{folder.propeller_db}: {error.message}",
        help=("choose another folder with `--data FOLDER`, or restore this one from a copy",),
    )
