"""An SSH connection to a server whose key nobody compares.

## Why
The key tells that the server is the one that was meant. A client that takes any key answers whoever stands in between:
they read the password and what is sent, and change what comes back. `AutoAddPolicy` and `WarningPolicy` take every key
of a server that is not known yet; `Transport.connect` compares no key at all where it is given none.

## Fix
Know the keys before: `client.load_host_keys("known_hosts")` and leave the policy at `RejectPolicy`, which is the
default. With a `Transport` pass `hostkey=`.

## Known misses
A policy that is chosen by a setting. Policies of your own that take every key. `ssh -o StrictHostKeyChecking=no`, and
`fabric.Connection`, which takes unknown keys by default.
"""

from collections.abc import Iterator

from casemate.model.capability import Capability
from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit, Needle
from casemate.readers.code import Call, Code
from casemate.rules import rule
from casemate.rules.naming import in_tests

POLICIES = ("paramiko.AutoAddPolicy", "paramiko.WarningPolicy")
SET_POLICY = "paramiko.SSHClient.set_missing_host_key_policy"
CONNECT = "paramiko.Transport.connect"
COMPARE = "paramiko.Transport.get_remote_server_key"

EXAMPLE = """
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # flag
    client.set_missing_host_key_policy(paramiko.WarningPolicy)  # flag
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    transport = paramiko.Transport(("files.example.com", 22))
    transport.connect(username="me", password=secret)  # flag
    transport.connect(hostkey=key, username="me", password=secret)
"""


@rule(
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    cwe=(295, 322),
    needles=(
        "AutoAddPolicy",
        "WarningPolicy",
        Needle("Transport", r"\s*\(", "paramiko"),
        Needle("connect", r"\s*\(", "paramiko"),
    ),
    capabilities=(Capability.NET_CONNECT,),
    example=EXAMPLE,
)
def unknown_host_key(code: Code) -> Iterator[Hit]:
    """Flag policies that take unknown keys, and connections that are given no key to compare."""
    severity = Severity.LOW if in_tests(code.path) else None
    for call in code.calls(SET_POLICY, *POLICIES):
        policy = call.argument("policy")
        if call.name in POLICIES or (policy is not None and policy.name in POLICIES):
            yield Hit(call.location, "the key of an unknown server is taken as it comes", severity=severity)
    compared = {call.function for call in code.calls(COMPARE)}
    for call in code.calls(CONNECT):
        if call.function not in compared and without_key(call):
            yield Hit(call.location, "the key of the server is compared with nothing", severity=severity)


def without_key(call: Call) -> bool:
    """Tell whether no key is passed."""
    key = call.argument("hostkey")
    return not call.starred if key is None else key.constant is None
