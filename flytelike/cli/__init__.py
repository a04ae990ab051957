"""The command line: one file a verb, each of which parses, calls and prints.

Results go to stdout, progress and errors to stderr. The package must not know how
anything is done: every rule lives below it.
"""
