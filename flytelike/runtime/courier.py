"""A process beside a pod's worker that fetches the next order quickly where one follows another.

The kubelet brings an order within a second. While attempts follow each other that is most of what a small one takes.
So the platform leaves a copy in the object store, where the last order says, and this process looks there for a moment
once that order has ended. It is a process of its own since its library's threads do not survive the forks of the
worker's program.
"""

import os
import select
import socket
from collections.abc import Iterator

from flytelike.codec.pod_orders import HOT_S, ORDER_BYTES_MAX
from flytelike.storage import NotFound, StorageError, Store, StoreConfig

_FIRST_S, _GROWTH = 0.02, 1.4
"""Pauses between two looks: about ten fit into the moment."""


def serve(control: socket.socket) -> None:
    """Look where one says until the socket closes.

    Each message on it is a uri, or a full stop to look no more; the answer to a uri is the order that lies there.
    """
    store = Store(StoreConfig.from_env())
    while uri := control.recv(ORDER_BYTES_MAX).decode():
        if uri != ".":
            _look(store, control, uri)


def _look(store: Store, control: socket.socket, uri: str) -> None:
    """Look for an order for a moment, or until something else is said."""
    for pause_s in _pauses():
        if select.select([control], [], [], pause_s)[0]:
            return
        try:
            control.send(store.get(uri, max_bytes=ORDER_BYTES_MAX))
        except NotFound:
            continue
        except StorageError:
            pass  # the kubelet brings it
        return


def _pauses() -> Iterator[float]:
    pause_s, total_s = _FIRST_S, 0.0
    while total_s < HOT_S:
        yield pause_s
        total_s += pause_s
        pause_s *= _GROWTH


def start() -> tuple[int, socket.socket]:
    """Fork the process; return its pid and our end of the socket."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            serve(its)
        except (OSError, KeyboardInterrupt):
            pass
        finally:
            os._exit(0)
    its.close()
    ours.setblocking(False)
    return pid, ours
