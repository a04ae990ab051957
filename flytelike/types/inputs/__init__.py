"""Literals from what people type: JSON, YAML and flags, by literal type alone.

Registered entities are executed without their Python code, so everything here is driven by the literal
type and, for STRUCT, its JSON schema: both become marshmallow fields, once for each type. All faults are
told at once, each with the path to it. It must not load marshmallow before something structured is read.
"""

from flytelike.types.inputs.door import Outcome, literal_from_json, parse_text
from flytelike.types.inputs.places import Locate, Stored, located
from flytelike.types.printing import json_from_literal

__all__ = ["Locate", "Outcome", "Stored", "json_from_literal", "literal_from_json", "located", "parse_text"]
