"""Record what the stock SDK sends for `stock_nodes.py`: run with a Python that has flytekit.

python tests/unit/codec/record_stock_nodes.py
"""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import stock_nodes
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.models.launch_plan import LaunchPlan
from flytekit.tools.translator import get_serializable
from google.protobuf.json_format import MessageToDict

GOLDEN = Path(__file__).parent / "golden" / "stock_nodes.json"


def main() -> None:
    """Write the golden data: templates of tasks and workflows, and launch plans, as protobuf's JSON."""
    image = ImageConfig(Image("default", "python", "3"))
    settings = SerializationSettings(project="flights", domain="development", version="v1", image_config=image)
    entities: OrderedDict[Any, Any] = OrderedDict()
    for flow in (stock_nodes.branching, stock_nodes.gates, stock_nodes.mapped):
        get_serializable(entities, settings, flow)
    golden: dict[str, Any] = {"tasks": [], "workflows": [], "launchPlans": []}
    for entity in entities.values():
        found = MessageToDict(entity.to_flyte_idl())
        if isinstance(entity, LaunchPlan):
            golden["launchPlans"].append(found)
        elif "template" in found:
            kind = "workflows" if "nodes" in found["template"] else "tasks"
            golden[kind].append(found["template"])
    GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
