"""PyTorch's tensors and modules, as files of `torch.save`; a tensor's file is read without unpickling code."""

from pathlib import Path
from typing import Any

import torch

from flytelike.types.blob_transformer import BlobTransformer


def read_tensor(path: Path) -> Any:  # noqa: ANN401 - a tensor
    """Read a tensor to the CPU: the device it was on may not be here."""
    return torch.load(path, map_location="cpu", weights_only=True)


def read_module(path: Path) -> Any:  # noqa: ANN401 - a module
    """Read a module to the CPU; its class has to be importable here."""
    return torch.load(path, map_location="cpu", weights_only=False)


tensor: BlobTransformer = BlobTransformer(
    torch.Tensor,
    name="PyTorch Tensor",
    file_format="PyTorchTensor",
    file_name="tensor.pt",
    write=torch.save,
    read=read_tensor,
)
module: BlobTransformer = BlobTransformer(
    torch.nn.Module,
    name="PyTorch Module",
    file_format="PyTorchModule",
    file_name="module.pt",
    write=torch.save,
    read=read_module,
)
transformers: tuple[BlobTransformer, ...] = (tensor, module)
