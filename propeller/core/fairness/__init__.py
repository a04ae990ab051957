"""Who gets free resources next: weighted dominant-resource fair shares in a tree of quotas.

`FairQueue` is the one door: requests are asked, granted by `next_grant`, given back or
withdrawn; `why` tells what a waiting one waits for. It is pure: time comes as an argument. It
must not know databases, leases or engines: those keep what is granted here.

The rule is that of A. Ghodsi and others, "Dominant Resource Fairness" (NSDI 2011), with weights,
applied at each level of the tree as in Apache YARN's and Kueue's hierarchical queues.
"""

from propeller.core.fairness.amounts import Amounts
from propeller.core.fairness.fair_queue import FairQueue, TooLarge
from propeller.core.fairness.quota import Quota
from propeller.core.fairness.request import Request
from propeller.core.fairness.telling import place_of, shortfalls, shown_place, shown_shortages
from propeller.core.fairness.use import Use
from propeller.core.fairness.waiting import Shortage, Waiting

__all__ = [
    "Amounts",
    "FairQueue",
    "Quota",
    "Request",
    "Shortage",
    "TooLarge",
    "Use",
    "Waiting",
    "place_of",
    "shortfalls",
    "shown_place",
    "shown_shortages",
]
