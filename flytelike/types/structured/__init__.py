"""Tables: `StructuredDataset`, and the frames of pandas, pyarrow and polars."""

from flytelike.types.structured.columns import kwtypes
from flytelike.types.structured.dataset import StructuredDataset

__all__ = ["StructuredDataset", "kwtypes"]
