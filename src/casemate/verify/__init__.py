"""The attack battery: the same acts outside and inside, on canaries of casemate's own.

An act that does not succeed outside proves nothing inside, so it is done there first. What got through is shown by its
effect on the side of casemate: a token that was read, a file that changed, a connection that arrived.
"""

from casemate.verify.catalogue import catalogue, chosen
from casemate.verify.engine import Setting, rehearse, verify

__all__ = ["Setting", "catalogue", "chosen", "rehearse", "verify"]
