"""What a request is about, in a few words for the audit log: names only, never values."""

from google.protobuf.message import Message

NAMES = ("project", "domain", "name", "version", "node_id", "signal_id", "team", "user", "role", "state", "token_id")
DEPTH_MAX = 4
WORDS_MAX = 12
_PARTS = (
    "id",
    "execution_id",
    "node_execution_id",
    "workflow_execution_id",
    "caller",
    "grant",
    "scope",
    "subject",
    "launch_plan",
    "project",
    "attributes",
    "selection",
    "tag",
    "artifact",
    "dataset",
    "reservation_id",
    "tasks",
    "workflows",
    "launch_plans",
    "executions",
    "rules",
    "spec",
    "target",
    "wishes",
    "team",
    "quota",
    "place",
)


def target_of(request: Message) -> str:
    """Return the names in a request, such as `flytesnacks/development/run`; several are told by a space."""
    words: list[str] = []
    _gather(request, words, DEPTH_MAX)
    shown = list(dict.fromkeys(words))
    more = f" and {len(shown) - WORDS_MAX} more" if len(shown) > WORDS_MAX else ""
    return " ".join(shown[:WORDS_MAX]) + more


def _gather(message: Message, words: list[str], depth: int) -> None:
    fields = message.DESCRIPTOR.fields_by_name
    own = [str(getattr(message, name)) for name in NAMES if name in fields and _is_name(message, name)]
    if own:
        words.append("/".join(own))
    if not depth:
        return
    for name in _PARTS:
        field = fields.get(name)
        if field is None or field.message_type is None or field.message_type.GetOptions().map_entry:
            if name == "id" and field is not None and field.message_type is None and message.id:  # type: ignore[attr-defined]
                words.append(str(message.id))  # type: ignore[attr-defined]
            continue
        if field.is_repeated:
            for item in list(getattr(message, name))[: WORDS_MAX + 1]:
                _gather(item, words, depth - 1)
        elif message.HasField(name):
            _gather(getattr(message, name), words, depth - 1)


def _is_name(message: Message, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    return field.message_type is None and not field.is_repeated and bool(getattr(message, name))
