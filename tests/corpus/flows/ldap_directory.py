"""Filters and names of a directory: escaped for the place they go to, and not."""

import ldap
import ldap.dn
import ldap.filter
import ldap3
from flask import Flask, request
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

app = Flask(__name__)
PEOPLE = "ou=people,dc=example,dc=org"
GROUPS = {"staff": "cn=staff", "guests": "cn=guests"}


@app.route("/phone")
def phone():
    server = ldap3.Server("ldap.example.org", use_ssl=True)
    with ldap3.Connection(server, auto_bind=True) as connection:
        name = request.args["name"]
        connection.search(PEOPLE, f"(uid={name})", attributes=["telephoneNumber"])  # flag ldap-injection
        connection.search(search_base=PEOPLE, search_filter="(&(uid=%s)(open=1))" % name)  # flag ldap-injection
        connection.search("uid={},{}".format(name, PEOPLE), "(objectClass=*)")  # flag ldap-injection
        connection.extend.standard.paged_search(PEOPLE, "(cn=*" + name + "*)")  # flag ldap-injection
        connection.search(PEOPLE, f"(uid={escape_filter_chars(name)})")
        connection.search(f"uid={escape_rdn(name)},{PEOPLE}", "(objectClass=*)")
        connection.search(PEOPLE, f"(uidNumber={int(name)})")
        connection.search(GROUPS.get(name, "cn=guests") + "," + PEOPLE, "(objectClass=*)")
        connection.delete(f"uid={name},{PEOPLE}")  # flag ldap-injection
        return str(connection.entries)  # flag cross-site-scripting


@app.route("/rename/<name>")
def rename(name):
    connection = ldap3.Connection(ldap3.Server("ldap.example.org"))
    connection.modify_dn("uid=guest," + PEOPLE, "uid=" + name)  # flag ldap-injection
    connection.modify("uid=guest," + PEOPLE, {"cn": [(ldap3.MODIFY_REPLACE, [name])]})
    if name.isalnum():
        connection.search(PEOPLE, f"(uid={name})")
    return ""


@app.route("/groups")
def groups():
    connection = ldap.initialize("ldap://ldap.example.org")
    connection.simple_bind_s("cn=reader,dc=example,dc=org", "secret")
    name = request.args["name"]
    connection.search_s(PEOPLE, ldap.SCOPE_SUBTREE, "(uid=" + name + ")")  # flag ldap-injection
    connection.search_ext_s(PEOPLE, ldap.SCOPE_SUBTREE, filterstr=f"(uid={name})")  # flag ldap-injection
    connection.search_ext("uid=" + name + "," + PEOPLE, ldap.SCOPE_BASE)  # flag ldap-injection
    connection.search_s(PEOPLE, ldap.SCOPE_SUBTREE, "(uid=" + ldap.filter.escape_filter_chars(name) + ")")
    connection.search_s(PEOPLE, ldap.SCOPE_SUBTREE, ldap.filter.filter_format("(uid=%s)", [name]))
    connection.search_s("uid=" + ldap.dn.escape_dn_chars(name) + "," + PEOPLE, ldap.SCOPE_BASE)
    connection.modify_s(f"uid={name}," + PEOPLE, [(ldap.MOD_REPLACE, "cn", [b"guest"])])  # flag ldap-injection
    return ""
