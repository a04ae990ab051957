"""Teams, the projects they own, and quotas.

`wishes` says what is wanted, `planning` what that changes (pure); `tenancy` has the use cases.
"""
