"""Attempts that call: an eager function starts, watches and ends its own calls, and does nothing else here.

Its token tells what it is held by; what may be done with it is decided anew for each call, by the history: as long as
the attempt has not ended, in the name of its own node.
"""

from sqlalchemy import Connection

from flytelike.codec.faults import MalformedError
from flytelike.codec.ids import execution_id_from_proto, node_execution_id_from_proto
from flytelike.controlplane.access.book import AccessBook
from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.identity import Identity, Via
from flytelike.controlplane.access.places import places_in
from flytelike.controlplane.access.ports import AttemptTokens
from flytelike.controlplane.access.roles import NOTHING, Action, Place
from flytelike.controlplane.access.table import ByAttempt, Request, Rule
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.repository.standing import Standing, State, caller_of, standing_of
from flytelike.model.ids import NodeExecutionId


class Attempts:
    """Says which attempt calls, and what it may do."""

    def __init__(self, tokens: AttemptTokens, database: Database, book: AccessBook) -> None:
        """Ask `tokens` whose a token is, the history in `database` how that one is, and `book` what users may read."""
        self._tokens = tokens
        self._database = database
        self._book = book

    def claims(self, token: str) -> bool:
        """Tell whether a token says of itself that it is an attempt's."""
        return self._tokens.claims(token)

    async def identify(self, token: str) -> Identity | None:
        """Return who holds a token; None if it is not good. Raises Refusal UNAVAILABLE when nobody can say."""
        bearer = await self._tokens.bearer(token)
        if bearer is None:
            return None
        return Identity(bearer.name, via=Via.ATTEMPT, credential=bearer.credential, attempt=bearer.attempt)

    async def authorise(self, identity: Identity, rule: Rule, request: Request) -> Caller:
        """Return the caller if an attempt may make a call.

        Raises:
            Refusal: PERMISSION_DENIED `permission-denied` or `attempt-ended`; UNAVAILABLE `attempt-not-recorded`, which
                passes when the history has heard of its beginning.
        """
        attempt = identity.attempt
        assert attempt is not None, "it is an attempt's"
        if rule.by_attempt is ByAttempt.NEVER:
            raise _not_its_own(identity)

        def look(connection: Connection) -> tuple[NodeExecutionId, Standing] | None:
            node = _node_in(connection, rule.by_attempt, request)
            if node is None or self._tokens.name_of(node, attempt) != identity.user:
                return None
            standing = standing_of(connection, node, attempt)
            return None if standing is None else (node, standing)

        found = await self._database.read(look)
        if found is None:
            raise _not_its_own(identity)
        node, standing = found
        told = f"attempt {attempt} of {node.execution}/{node.path}"
        if standing.state is State.OVER:
            raise refusal(Status.PERMISSION_DENIED, "attempt-ended", f"{told} has ended, and its token with it")
        if standing.state is State.UNRECORDED:
            raise refusal(Status.UNAVAILABLE, "attempt-not-recorded", f"nothing is recorded of {told} yet", "try again")
        await self._check_places(identity, standing, request)
        return Caller(identity, NOTHING)

    async def _check_places(self, identity: Identity, standing: Standing, request: Request) -> None:
        """Raise Refusal unless what a request names is of the attempt, or may be read by who launched it."""
        elsewhere = {place for place in places_in(request) if (place.project, place.domain) not in standing.places}
        if not elsewhere:
            return
        rights = await self._book.rights(Identity(standing.user))
        for place in elsewhere:
            if not rights.allows(Action.READ, place):
                raise _unreadable(identity, standing.user, place)


def _node_in(connection: Connection, by: ByAttempt, request: Request) -> NodeExecutionId | None:
    """Return the node in whose name a request is made; None where it names none."""
    try:
        if by is ByAttempt.AS_CALLER:
            return node_execution_id_from_proto(request.caller)
        return caller_of(connection, execution_id_from_proto(request.id))
    except MalformedError:
        return None


def _not_its_own(identity: Identity) -> Refusal:
    return refusal(
        Status.PERMISSION_DENIED,
        "permission-denied",
        f"{identity.user} may start, watch and end the calls of its own node, and do nothing else",
        "what needs more rights needs the token of a user who has them: FLYTELIKE_TOKEN",
    )


def _unreadable(identity: Identity, user: str, place: Place) -> Refusal:
    domain = f" -d {place.domain}" if place.domain else ""
    return refusal(
        Status.PERMISSION_DENIED,
        "permission-denied",
        f"{identity.user} calls what is registered in {place}, which {user}, who launched it, may not read by name",
        f"who administers it may say: flytelike grant add user:{user} viewer -p {place.project}{domain}",
    )
