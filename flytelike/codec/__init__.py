"""Translates between the model and Flyte's protobuf messages.

The only place that knows both. Functions are pure: `<thing>_to_proto` builds a message,
`<thing>_from_proto` parses one. What a message lacks is told as a `MalformedError` with the
path of the field; what it has in a form that only Flyte's clients use is brought into the one
form the model has. The package must not know where messages come from or go to.
"""
