"""Every target says of every capability whether it is withheld, and nothing of a policy is dropped silently."""

import pytest

from casemate.model.capability import Capability as C  # noqa: N817 -- a table of them
from casemate.model.dataclass import replace
from casemate.model.policy import Assurance, Grant, Limits, Policy, WriteMode
from casemate.model.sandbox import Command
from casemate.model.secret import Secret
from casemate.policy.export import TARGETS, Target
from casemate.policy.export.claims import Effect, losses
from casemate.policy.export.deployment import Deployment, Mount
from casemate.sandbox.native.steps import Filter
from casemate.sandbox.seccomp import passing, profile

EVERY = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
FULL = Policy(
    layers=2,
    backends=("vm",),
    assurance=Assurance.BOUNDARY,
    grants=(
        Grant(C.FS_READ, "/srv/in"),
        Grant(C.FS_WRITE, "/srv/out", WriteMode.COMMIT, 1000),
        Grant(C.NET_CONNECT, "db.example:5432"),
        Grant(C.NET_CONNECT, "10.1.2.3:443"),
        Grant(C.NET_LISTEN, "127.0.0.1:8080"),
        Grant(C.ENV_READ, "TZ"),
    ),
    deny=("/srv/out/.ssh", "@persist"),
    secrets=(Secret("TOKEN", "env:TOKEN", "db.example:5432"),),
    limits=Limits(wall_seconds=60, output_bytes=1000),
)


def deployment(policy: Policy) -> Deployment:
    return Deployment(
        name="shop",
        policy=policy,
        mounts=(),
        hidden=(),
        settings=(("HOME", "/home/casemate"),),
        passed=("TZ",),
        command=Command(("/bin/app",), "/bin/app", "/srv"),
        profile=profile(Filter()),
        calls=passing(Filter()),
        image="shop:1",
    )


def said(target: Target, policy: Policy) -> dict[str, Effect]:
    return {loss.item: loss.effect for loss in losses(deployment(policy), target.claims)}


@EVERY
def test_every_capability_is_either_withheld_or_named(target: Target) -> None:
    enforceable = {capability for capability in C if capability.enforceable}
    held, wider = set(target.claims.held), set(target.claims.wider)
    assert held | wider == enforceable
    assert held & wider <= set()


@EVERY
def test_what_only_casemate_does_is_named_for_every_target(target: Target) -> None:
    found = said(target, FULL)
    for item in (
        "fs.write",
        "res.disk",
        "res.output",
        "res.cpu",
        "policy.layers",
        "policy.backend",
        "policy.assurance",
        "self-test",
        "record",
    ):
        assert found[item] is Effect.WIDER, item
    assert found["env.secret TOKEN"] is Effect.NARROWER
    assert found["net.connect db.example:5432"] is Effect.NARROWER
    assert found["net.listen 127.0.0.1:8080"] is Effect.NARROWER


@EVERY
def test_a_local_socket_that_is_granted_opens_others_unless_it_is_granted_by_name(target: Target) -> None:
    granted = FULL.plus(Grant(C.NET_UNIX, "/run/postgresql/.s.PGSQL.5432"))
    reason = {str(loss) for loss in losses(deployment(granted), target.claims)} - {
        str(loss) for loss in losses(deployment(FULL), target.claims)
    }
    assert bool(reason) is not target.claims.names


@EVERY
def test_persistence_is_withheld_or_named(target: Target) -> None:
    assert (C.FS_PERSIST in target.claims.held) or said(target, FULL)["fs.persist"] is Effect.WIDER


@EVERY
def test_what_is_denied_and_not_there_yet_is_named_unless_it_is_denied_by_name(target: Target) -> None:
    assert ("fs.deny" in said(target, FULL)) is not target.claims.names


@EVERY
def test_what_is_denied_below_a_folder_that_can_be_renamed_is_named(target: Target) -> None:
    deeper = replace(FULL, deny=("/srv/out/folder/secret",))
    assert said(target, deeper)["fs.deny"] is Effect.WIDER


@EVERY
def test_a_grant_in_a_writable_folder_is_named_where_the_tool_would_follow_a_link(target: Target) -> None:
    mounts = (
        Mount("/srv/out", "/srv/out", directory=True, write=True),
        Mount("/srv/out/in", "/srv/out/in", directory=True),
    )
    found = losses(replace(deployment(FULL), mounts=mounts), target.claims)
    assert any("(/srv/out/in)" in loss.reason for loss in found) is not target.claims.names


@EVERY
def test_a_grant_of_an_address_is_given_or_named(target: Target) -> None:
    """Only Kubernetes says exactly an address and a port; systemd opens more, and says so."""
    found = said(target, FULL).get("net.connect 10.1.2.3:443")
    text = target.render(deployment(FULL))
    assert (found is Effect.NARROWER) is ("10.1.2.3/32" not in text and "IPAddressAllow=10.1.2.3" not in text)
    assert "db.example" not in text.replace("net.connect db.example:5432", "").replace("db.example:5432: ", "")


@EVERY
def test_a_limit_that_is_not_set_is_no_loss(target: Target) -> None:
    none = replace(FULL, limits=Limits(0, 0, 0, 0, 0, 0, 0), grants=(), secrets=(), deny=())
    assert not [item for item in said(target, none) if item.startswith(("res.", "fs.deny"))]


@EVERY
def test_every_loss_stands_in_the_export(target: Target) -> None:
    text = target.render(deployment(FULL)).replace("\\u2019", "'")
    for loss in losses(deployment(FULL), target.claims):
        assert f"{loss.effect}: {loss.item}: " in text
