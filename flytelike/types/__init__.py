"""Python types to literal types, and values to literals: a registry, and one transformer a file.

Encodings equal those of the stock Flyte SDK, so that tasks of both can pass values to each
other. Frame libraries are imported only when a value or an annotation needs them. The
package must not know what a task or workflow is.
"""

from flytelike.types.context import ValueContext

__all__ = ["ValueContext"]
