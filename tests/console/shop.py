"""What the console's tests execute: small tasks that show every kind of node."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pandas as pd

from flytelike import (
    CronSchedule,
    Deck,
    LaunchPlan,
    Resources,
    approve,
    conditional,
    dynamic,
    map_task,
    task,
    wait_for_input,
    workflow,
)
from flytelike.types.file import FlyteFile


@dataclass
class Options:
    """How orders are taken."""

    limit: int = 3
    strict: bool = True
    tags: list[str] = field(default_factory=list)


@task
def load(rows: int, options: Options) -> list[int]:
    """Load orders."""
    print(f"loading {rows} orders, {options.limit} at a time")
    return list(range(rows))


@task(cache=True, cache_version="1")
def total(orders: list[int]) -> int:
    """Add up."""
    return sum(orders)


@task(enable_deck=True)
def report(n: int) -> str:
    """Write the report."""
    Deck("sales", f"<h1>Sold {n}</h1>")
    return f"{n} sold"


@task
def check(order: int) -> int:
    """Check an order."""
    if order == 137:
        print("looking for the address of 137")
        raise ValueError(f"order {order} has no address")
    return order


@task
def send(n: int) -> int:
    """Send a parcel."""
    print("calling the parcel service")
    raise RuntimeError("the parcel service does not answer")


@task
def weigh(orders: list[int]) -> int:
    """Weigh the orders."""
    raise ValueError("the scales are broken")


@task
def tick(times: int) -> int:
    """Count slowly."""
    for number in range(times):
        print(f"tick {number}", flush=True)
        time.sleep(0.2)
    return times


@task
def draw(orders: FlyteFile) -> FlyteFile:
    """Draw a bar as long as the list of orders."""
    width = 10 * len(Path(orders).read_text().splitlines())
    picture = Path("picture.svg").absolute()
    picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20"><rect width="9" height="9"/></svg>'
    )
    return FlyteFile(str(picture))


@dataclass
class Receipt:
    """What somebody is given: a file inside of a dataclass."""

    number: int
    words: FlyteFile


@task(requests=Resources(cpu="1", mem="500Mi"), limits=Resources(mem="1Gi"))
def price(rows: int) -> pd.DataFrame:
    """Price the orders."""
    return pd.DataFrame({"order": range(rows), "price": [f"{10 * row} EUR" for row in range(rows)]})


@task
def receipt(prices: pd.DataFrame) -> Receipt:
    """Write what was paid for."""
    words = Path("receipt.txt").absolute()
    words.write_text("thank you for " + ", ".join(prices["price"].tail(2)))
    return Receipt(len(prices), FlyteFile(str(words)))


@workflow
def paying(rows: int = 30) -> tuple[pd.DataFrame, Receipt]:
    """Price orders, and give a receipt."""
    prices = price(rows=rows)
    return prices, receipt(prices=prices)


@workflow
def drawing(orders: FlyteFile) -> FlyteFile:
    """Show how many orders there are."""
    return draw(orders=orders)


@workflow
def ship(n: int) -> str:
    """Ship what was sold."""
    return report(n=n)


@workflow
def day(rows: int = 5, options: Options = Options()) -> str:  # noqa: B008 - as authors write it
    """A day in the shop."""
    return ship(n=total(orders=load(rows=rows, options=options)))


@workflow
def sending(rows: int = 3) -> int:
    """A day on which nothing is sent."""
    return send(n=total(orders=load(rows=rows, options=Options())))


@workflow
def weighing(rows: int = 3) -> int:
    """Fail since the newest version."""
    return weigh(orders=load(rows=rows, options=Options()))


@workflow
def checking(rows: int = 300) -> list[int | None]:
    """Check many orders."""
    return map_task(check, min_success_ratio=0.5)(order=load(rows=rows, options=Options()))


@workflow
def gated(n: int = 4) -> str:
    """Ask before shipping."""
    sold = ship(n=n)
    agreed = approve(sold, "agreed", timeout=timedelta(hours=2))
    wanted = wait_for_input("how many", timeout=timedelta(hours=2), expected_type=int)
    last = report(n=wanted)
    agreed >> last
    return last


@workflow
def ticking(times: int = 600) -> int:
    """Take a long time."""
    return tick(times=times)


@dynamic
def spread(n: int) -> int:
    """Check as many as asked."""
    return total(orders=[check(order=index) for index in range(n)])


@workflow
def choosing(n: int = 4) -> str:
    """Ship only where it is worth it."""
    return conditional("worth it").if_(spread(n=n) > 3).then(ship(n=n)).else_().then(report(n=n))


nightly = LaunchPlan.create("shop.nightly", day, schedule=CronSchedule("0 2 * * *"))
