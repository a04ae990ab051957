"""PyTorch's tensors and modules are values by a plugin; `make test-torch` installs torch, which is gigabytes."""

from typing import Any

import pytest
import torch

from flytelike.model.types import BlobType
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault


class Net(torch.nn.Module):
    """A module of the author's own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


@pytest.fixture
def ctx(tmp_path: Any) -> ValueContext:
    return ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path)


def through(value: object, hint: Any, ctx: ValueContext) -> Any:
    return registry.to_python(registry.to_literal(value, hint, ctx), hint, ctx)


def test_tensors_and_parameters_come_out_equal(ctx: ValueContext) -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(through(tensor, torch.Tensor, ctx), tensor)
    weight = Net().layer.weight
    assert torch.equal(through(weight, torch.nn.Parameter, ctx), weight)
    assert registry.literal_type_of(torch.Tensor).kind == BlobType("PyTorchTensor")


@pytest.mark.parametrize("hint", [Net, torch.nn.Module])
def test_modules_give_what_they_gave(hint: Any, ctx: ValueContext) -> None:
    net, rows = Net(), torch.ones(2, 3)
    assert torch.equal(through(net, hint, ctx)(rows), net(rows))


def test_another_value_is_told(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match="expected `Tensor`, got int 3"):
        registry.to_literal(3, torch.Tensor, ctx)
