"""The control plane: what is registered, what was asked to run, and how it went.

Clients speak to it; it checks everything they send, compiles again what they compiled, keeps
each version once, and records executions durably before anything is started. It never runs
an author's code and does not decide what an execution does next: it hands executions to a
`ports.Launcher` and is told their history.

`app.ControlPlane` holds the use cases, `server.serve` puts them behind gRPC and HTTP.
"""
