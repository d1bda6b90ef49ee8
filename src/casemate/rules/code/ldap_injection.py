"""Text from outside becomes part of a search filter or of a name in a directory.

## Why
A filter is parsed as a whole. `*` matches everything, and `)(` ends one condition and begins another: whoever writes
the text reads other entries, or passes a login that only asks whether something is found. In a distinguished name a
comma leads to another branch of the tree.

## Fix
Escape what becomes part of a filter: `ldap3.utils.conv.escape_filter_chars(name)`, or with python-ldap
`ldap.filter.filter_format("(uid=%s)", [name])`. Escape what becomes part of a name with `ldap3.utils.dn.escape_rdn` or
`ldap.dn.escape_dn_chars`.

## Known misses
The name and the password of a bind. A text that was escaped for a filter and is then used in a name, or the other way
round. Extended operations and filters that are built from objects.
"""

from collections.abc import Iterator

from casemate.model.finding import Confidence, Severity
from casemate.model.rule import Hit
from casemate.readers.code import Code
from casemate.rules import judge, rule

EXAMPLE = """
    import ldap3
    from flask import Flask, request
    from ldap3.utils.conv import escape_filter_chars
    from ldap3.utils.dn import escape_rdn

    app = Flask(__name__)
    PEOPLE = "ou=people,dc=example,dc=org"


    @app.route("/phone")
    def phone():
        connection = ldap3.Connection(ldap3.Server("ldap.example.org"))
        name = request.args["name"]
        connection.search(PEOPLE, f"(uid={name})")  # flag
        connection.search(f"uid={name},{PEOPLE}", "(objectClass=*)")  # flag
        connection.search(PEOPLE, f"(uid={escape_filter_chars(name)})")
        connection.search(f"uid={escape_rdn(name)},{PEOPLE}", "(objectClass=*)")
        connection.search(PEOPLE, f"(uidNumber={int(name)})")
        return ""
"""


@rule(severity=Severity.HIGH, confidence=Confidence.HIGH, cwe=90, kinds=("ldap",), example=EXAMPLE)
def ldap_injection(code: Code) -> Iterator[Hit]:
    """Report remote values in filters and names; the starter of a program has the rights of its bind."""
    message = "{source} becomes part of the filter or of the name that {sink} uses"
    return judge.flows(code, "ldap", message=message, remote=Severity.HIGH)
