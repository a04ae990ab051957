"""gRPC: servicers that parse a request, call a use case and give its answer.

They must not hold a rule of their own.
"""
