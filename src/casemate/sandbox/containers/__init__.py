"""Backends whose namespaces an external program makes: bubblewrap, and the runtimes of OCI containers.

The steward of the native backend builds the root and the sockets; the external program makes a world of its own around
that root, and a helper of ours in it puts on the rest (inside.py). So every layer of the native backend is in force,
and those of that program as well.
"""
