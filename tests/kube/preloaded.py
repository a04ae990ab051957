"""What the pods of tests have loaded from their first moment."""

import flytelike.runtime.entrypoint
import flytelike.runtime.reusable
import flytelike.sdk.task
import flytelike.sdk.workflow

__all__ = ["flytelike"]
