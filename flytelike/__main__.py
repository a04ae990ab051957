"""`python -m flytelike` is the `flytelike` command."""

from flytelike.cli.main import main

main()
