"""Inside a task's process: load the code, decode inputs, call, encode outputs, tell failures.

The package must not know who started the process: it reads Flyte's task contract (arguments,
environment, `inputs.pb`) and writes `outputs.pb` or `error.pb`. Of a task it knows only
`contract.RunnableTask`, never how authors declare one.
"""
