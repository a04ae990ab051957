"""Monthly reports: figures, charts and letters for the customers of one region."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypedDict

from flytelike import Documentation, FlyteDirectory, FlyteFile, LaunchPlan, Secret, create_node, task, workflow

Html = FlyteFile[Literal["html"]]
Pdf = FlyteFile[Literal["pdf"]]


class Figures(TypedDict):
    revenue: float
    orders: int


@dataclass
class Customer:
    name: str
    mail: str | None
    language: Literal["de", "en"] = "en"


class Charts(NamedTuple):
    folder: FlyteDirectory
    drawn: int


@task(secret_requests=[Secret(group="warehouse", key="password")], timeout=timedelta(minutes=5))
def query(region: str, since: datetime, until: datetime) -> list[Figures]:
    return [{"revenue": 1.0, "orders": 1}]


@task
def total(figures: list[Figures]) -> Figures:
    return figures[0]


@task(environment={"THEME": "light"})
def charts(figures: list[Figures], width: int = 800) -> Charts:
    return Charts(FlyteDirectory("charts"), len(figures))


@task
def page(title: str, figures: Figures, charts: FlyteDirectory) -> Html:
    return Html("page.html")


@task(container_image="registry/printer:3")
def print_page(page: Html, landscape: bool = False) -> Pdf:
    return Pdf("page.pdf")


@task
def customers(region: str) -> list[Customer]:
    return [Customer("Ann", None)]


@task
def title_of(region: str, until: datetime) -> str:
    return f"{region} until {until:%B}"


@task(docs=Documentation(short="Send a report."))
def send(to: Customer, report: Pdf, subject: str | None = None) -> int:
    return 1


@task
def note(region: str, sent: int, charts: int) -> None: ...


@workflow
def rendered(region: str, since: datetime, until: datetime) -> tuple[Pdf, int]:
    figures = query(region=region, since=since, until=until)
    made = charts(figures=figures, width=1200)
    title = title_of(region=region, until=until)
    html = page(title=title, figures=total(figures=figures), charts=made.folder)
    return print_page(page=html, landscape=True), made.drawn


@workflow
def monthly(region: str, since: datetime, until: datetime, subject: str | None = None) -> Pdf:
    report, count = rendered(region=region, since=since, until=until)
    people = customers(region=region)
    first = create_node(send, to=people[0], report=report, subject=subject)
    sent = send.with_overrides(name="backup", retries=1)(to=Customer("Archive", "a@b.c", "de"), report=report)
    noted = create_node(note, region=region, sent=sent, charts=count)
    first >> noted
    return report


europe = LaunchPlan.create("europe", monthly, fixed_inputs={"region": "europe"}, default_inputs={"subject": "Report"})
all_regions = LaunchPlan.create("all_regions", monthly, annotations={"owner": "reports"})


@workflow
def everywhere(since: datetime, until: datetime) -> Pdf:
    europe(since=since, until=until)
    return all_regions(region="asia", since=since, until=until)
