"""ONNX models, as `.onnx` files."""

from pathlib import Path
from typing import Any

import onnx

from flytelike.types.blob_transformer import BlobTransformer


def write(model: Any, path: Path) -> None:  # noqa: ANN401 - a model of onnx
    """Write a model."""
    onnx.save_model(model, str(path))


def read(path: Path) -> Any:  # noqa: ANN401 - a model of onnx
    """Read a model."""
    return onnx.load_model(str(path))


transformer: BlobTransformer = BlobTransformer(
    onnx.ModelProto, name="ONNX", file_format="onnx", file_name="model.onnx", write=write, read=read
)
