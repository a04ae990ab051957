"""`helm lint --strict` over the sets of values."""

import pytest
import yaml

from tests.chart.values import SETS
from tests.services.helm import CHART, Document, Helm


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_helm_has_nothing_to_complain_of(helm: Helm, values: Document) -> None:
    helm.run("lint", "--strict", str(CHART), "--values", "-", stdin=yaml.safe_dump(values))
