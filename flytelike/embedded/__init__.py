"""Everything in one process: the only room that knows both the control plane and propeller.

It composes and adapts; it must not hold a rule of its own about workflows or executions.
"""
