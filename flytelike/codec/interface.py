"""Variables, interfaces and the parameters of launch plans."""

from collections.abc import Mapping

from flytelike.codec.faults import MalformedError, each_value, inside, required
from flytelike.codec.ids import fill_span, span_from_proto
from flytelike.codec.literals import fill_literal, literal_from_proto
from flytelike.codec.types import fill_literal_type, literal_type_from_proto
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike_idl.core import interface_pb2 as pb


def variable_to_proto(variable: Variable) -> pb.Variable:
    """Return the message of a variable."""
    out = pb.Variable()
    _fill_variable(variable, out)
    return out


def variable_from_proto(message: pb.Variable) -> Variable:
    """Return the variable of a message."""
    required(message, "type")
    return Variable(
        inside("type", literal_type_from_proto, message.type),
        message.description,
        span_from_proto(message.span) if message.HasField("span") else None,
    )


def variable_map_to_proto(variables: Mapping[str, Variable]) -> pb.VariableMap:
    """Return the message of named variables."""
    out = pb.VariableMap()
    _fill_variables(variables, out)
    return out


def variable_map_from_proto(message: pb.VariableMap) -> dict[str, Variable]:
    """Return named variables, sorted by name."""
    return each_value("variables", variable_from_proto, message.variables)


def interface_to_proto(interface: TypedInterface) -> pb.TypedInterface:
    """Return the message of an interface."""
    out = pb.TypedInterface()
    fill_interface(interface, out)
    return out


def fill_interface(interface: TypedInterface, out: pb.TypedInterface) -> None:
    """Write an interface into `out`."""
    _fill_variables(interface.inputs, out.inputs)
    _fill_variables(interface.outputs, out.outputs)


def interface_from_proto(message: pb.TypedInterface) -> TypedInterface:
    """Return an interface; a side that is not set has no variables."""
    return TypedInterface(
        inside("inputs", variable_map_from_proto, message.inputs),
        inside("outputs", variable_map_from_proto, message.outputs),
    )


def parameter_map_to_proto(parameters: Mapping[str, Parameter]) -> pb.ParameterMap:
    """Return the message of a launch plan's parameters."""
    out = pb.ParameterMap()
    fill_parameter_map(parameters, out)
    return out


def fill_parameter_map(parameters: Mapping[str, Parameter], out: pb.ParameterMap) -> None:
    """Write a launch plan's parameters into `out`."""
    out.SetInParent()
    for name, parameter in parameters.items():
        added = out.parameters[name]
        try:
            _fill_variable(parameter.variable, added.var)
            if parameter.default is not None:
                fill_literal(parameter.default, added.default)
            else:
                added.required = parameter.required
        except MalformedError as fault:
            raise fault.below(f'parameters["{name}"]') from None


def parameter_map_from_proto(message: pb.ParameterMap) -> dict[str, Parameter]:
    """Return a launch plan's parameters, sorted by name."""
    return each_value("parameters", _parameter, message.parameters)


def _parameter(message: pb.Parameter) -> Parameter:
    required(message, "var")
    variable = inside("var", variable_from_proto, message.var)
    match message.WhichOneof("behavior"):
        case "default":
            return Parameter(variable, inside("default", literal_from_proto, message.default), required=False)
        case "required" | None:  # not set reads as "not required" on Flyte's side too
            return Parameter(variable, None, required=message.required)
        case other:
            raise MalformedError("artifacts as inputs are not supported", other)


def _fill_variables(variables: Mapping[str, Variable], out: pb.VariableMap) -> None:
    out.SetInParent()
    for name, variable in variables.items():
        try:
            _fill_variable(variable, out.variables[name])
        except MalformedError as fault:
            raise fault.below(f'variables["{name}"]') from None


def _fill_variable(variable: Variable, out: pb.Variable) -> None:
    fill_literal_type(variable.type, out.type)
    if variable.description:
        out.description = variable.description
    if variable.span is not None:
        fill_span(variable.span, out.span)
