"""Removing pods whose attempts have ended, whatever becomes of the API server meanwhile."""

import asyncio
import logging

from propeller.kube.errors import KubernetesError, ObjectChanged, ObjectNotFound, Refused
from propeller.kube.ports import PODS, Objects
from propeller.kube.watch import ObjectKey

_LOG = logging.getLogger(__name__)

_PAUSE_S, _PAUSE_MAX_S = 0.5, 60.0


async def remove(objects: Objects, place: ObjectKey, uid: str = "") -> None:
    """Delete a pod and let go of it; its containers have their grace. One that is not there is fine.

    Args:
        objects: The API server.
        place: Its namespace and name.
        uid: Which one of this name; any without.
    """
    pause_s = _PAUSE_S
    while True:
        try:
            await objects.delete(PODS, *place, uid)
            await objects.merge(PODS, *place, {"metadata": {"finalizers": None}})
        except ObjectNotFound:
            return
        except ObjectChanged as error:
            if await _another(objects, place, uid):
                return
            _LOG.info("the pod %s is removed later: %s", place.name, error)
        except Refused as error:
            _LOG.warning("the pod %s cannot be removed: %s", place.name, error)
            return
        except KubernetesError as error:
            _LOG.info("the pod %s is removed later: %s", place.name, error)
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)


async def _another(objects: Objects, place: ObjectKey, uid: str) -> bool:
    """Tell whether another pod has the name now. An API server that is busy with this one says the same of it."""
    try:
        found = await objects.get(PODS, *place)
    except ObjectNotFound:
        return True
    except KubernetesError:
        return False
    return bool(uid) and found["metadata"]["uid"] != uid
