"""Ingestion of events: pages of an API become files of records, checked before they are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, NamedTuple

from pydantic import BaseModel

from flytelike import JSON, Cache, FlyteDirectory, FlyteFile, LaunchPlan, create_node, task, workflow


class Source(Enum):
    WEB = "web"
    SHOP = "shop"


class Event(BaseModel):
    id: int
    kind: str
    tags: list[str] = []


@dataclass(frozen=True)
class Endpoint:
    url: str
    source: Source
    page_size: int = 100
    token: str | None = None


class Checked(NamedTuple):
    good: FlyteFile[Literal["jsonl"]]
    bad: FlyteFile[Literal["jsonl"]]
    ratio: float


@task(retries=5, timeout=timedelta(hours=1), interruptible=True)
def download(endpoint: Endpoint, since: datetime, pages: int = 1) -> Iterator[JSON]:
    yield {"id": 1}


@task
def parse(documents: Iterator[JSON]) -> list[Event]:
    return [Event(id=1, kind="click")]


@task(cache=Cache(version="3", serialize=True))
def check(events: list[Event], strict: bool = True) -> Checked:
    return Checked(FlyteFile("good.jsonl"), FlyteFile("bad.jsonl"), 0.5)


@task
def newest(events: list[Event], limit: int) -> Event:
    return events[-1]


@task
def keep(file: FlyteFile[Literal["jsonl"]], folder: str, mode: Literal["append", "replace"]) -> FlyteDirectory:
    return FlyteDirectory(folder)


@task
def index(folder: FlyteDirectory, event: Event, labels: dict[str, list[str]]) -> int:
    return 1


@task
def lag(since: datetime, event: Event) -> timedelta:
    return timedelta(0)


@task
def report(good: float, lag: timedelta, indexed: int) -> None: ...


@task
def clear(folder: str) -> None: ...


@workflow
def events_of(endpoint: Endpoint, since: datetime) -> list[Event]:
    documents = download(endpoint=endpoint, since=since, pages=5)
    return parse(documents=documents)


@workflow
def ingest(endpoint: Endpoint, since: datetime, folder: str = "s3://events") -> tuple[FlyteDirectory, int]:
    events = events_of(endpoint=endpoint, since=since)
    checked = check(events=events, strict=False)
    cleared = create_node(clear, folder=folder)
    kept = create_node(keep, file=checked.good, folder=folder, mode="replace")
    cleared >> kept
    last = newest(events=events, limit=endpoint.page_size)
    indexed = index(folder=kept.result, event=last, labels={"source": ["web"]})
    report(good=checked.ratio, lag=lag(since=since, event=last), indexed=indexed)
    clear.with_overrides(timeout=timedelta(minutes=1))(folder="s3://scratch")
    return kept.result, indexed


web = LaunchPlan.create(
    "web",
    ingest,
    fixed_inputs={"endpoint": Endpoint(url="https://example.org", source=Source.WEB)},
    default_inputs={"folder": "s3://events/web"},
    max_parallelism=4,
)


@workflow
def hourly(since: datetime) -> int:
    folder, indexed = web(since=since)
    clear(folder="s3://scratch")
    return indexed
