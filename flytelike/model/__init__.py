"""The vocabulary with rules on it: ids, types, literals, interfaces, graphs, policies, phases.

Everything here is an immutable value. The package must not know how values are
stored, sent or run: no I/O, no clock, no randomness, no logging, no protobuf.
"""
