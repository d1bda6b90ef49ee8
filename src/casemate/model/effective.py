"""An expanded policy as plain values, and its hash: what was enforced, after every @set and option, in one spelling.

The hash of a policy file says what was written; this one says what it came to on this host. Values of variables are
not in the plain form, but the hash covers them.
"""

from collections.abc import Mapping

from casemate.model.policy import Limits, Policy
from casemate.model.sandbox import Json
from casemate.model.visible import visible


def spelled(policy: Policy) -> Mapping[str, Json]:
    """Give every part of a policy that is enforced. What is only a comment is left out; paths are shown escaped."""
    return {
        "layers": policy.layers,
        "assurance": str(policy.assurance),
        "grants": [
            {
                "capability": str(grant.capability),
                "resource": visible(grant.resource),
                **({"mode": str(grant.mode)} if grant.mode else {}),
                **({"max": grant.max_bytes} if grant.max_bytes else {}),
            }
            for grant in policy.grants
        ],
        "deny": [visible(path) for path in policy.deny],
        "tmp_bytes": policy.tmp_bytes,
        **({"image": visible(policy.image)} if policy.image else {}),
        "variables": [name for name, _ in policy.settings],
        "secrets": [{"name": one.name, "from": visible(one.source), "to": one.to} for one in policy.secrets],
        "limits": {name: getattr(policy.limits, name) for name in Limits.__match_args__},
    }


def fingerprint(policy: Policy) -> str:
    """Name a policy by everything in it that is enforced; the order of grants does not matter, nor does its name."""
    from hashlib import sha256  # noqa: PLC0415 -- only for a record: it loads a large library
    from json import dumps  # noqa: PLC0415 -- likewise

    grants = sorted([str(g.capability), g.resource, str(g.mode or ""), g.max_bytes or 0] for g in policy.grants)
    limits = [getattr(policy.limits, name) for name in Limits.__match_args__]
    secrets = sorted([one.name, one.source, one.to] for one in policy.secrets)
    whole = [
        policy.layers,
        str(policy.assurance),
        grants,
        sorted(policy.deny),
        policy.tmp_bytes,
        sorted(policy.settings),
        limits,
        secrets,
        *([policy.image] if policy.image else []),
    ]
    return f"sha256:{sha256(dumps(whole, separators=(',', ':')).encode()).hexdigest()}"
