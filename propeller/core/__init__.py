"""The pure heart: what happens next, given what happened.

`evaluate(plan, state, events)` decides; it reads no clock, draws no random number, does no
I/O and logs nothing. Time comes inside events. It must not know how states are stored, how
attempts are run or who is told about them.
"""
