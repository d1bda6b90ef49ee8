"""The steps of a plan, and what else the steward is told of it, as JSON and back."""

from casemate.model.sandbox import Json
from casemate.sandbox.native.contract import Endpoint, Forward
from casemate.sandbox.native.steps import (
    Bind,
    Device,
    Folder,
    Hide,
    Image,
    Layered,
    Link,
    Private,
    Seen,
    Step,
    Synthetic,
)
from casemate.sandbox.words import Told


def spelled(value: "Step | Seen | Endpoint | Forward") -> dict[str, Json]:
    """Give the name of a class and its fields."""
    said: dict[str, Json] = {"": type(value).__name__}
    for name in value.__match_args__:
        field = getattr(value, name)
        said[name] = spelled(field) if isinstance(field, Seen) else field
    return said


def step(said: Json) -> Step:  # noqa: PLR0911 -- one answer for each kind of step
    """Give the step that an object stands for. Raises ValueError for what is none."""
    told = Told(said)
    match told.text(""):
        case "Bind":
            return Bind(_seen(told), told.flag("execute"), told.flag("write"), told.text("at"))
        case "Layered":
            return Layered(_seen(told), told.number("size"), told.text("at"))
        case "Link":
            return Link(told.text("path"), told.text("text"))
        case "Private":
            return Private(told.text("path"), told.number("size"))
        case "Synthetic":
            return Synthetic(told.text("path"), told.text("content"))
        case "Device":
            return Device(told.text("path"), told.text("at"))
        case "Folder":
            return Folder(told.text("path"), told.flag("listed"))
        case "Hide":
            return Hide(told.text("path"), told.flag("directory"), told.flag("fleeting"))
        case "Image":
            return Image(_seen(told))
        case kind:
            raise ValueError(f"no step: {kind}")


def endpoint(said: Json) -> Endpoint:
    """Give what may be connected to."""
    told = Told(said)
    return Endpoint(
        told.text("host"), told.number("port"), told.text("address"), told.text("address6"), told.flag("literal")
    )


def forward(said: Json) -> Forward:
    """Give what is forwarded in."""
    told = Told(said)
    return Forward(told.text("host"), told.number("port"), told.number("family"))


def _seen(told: Told) -> Seen:
    seen = Told(told["seen"])
    return Seen(seen.text("path"), seen.number("device"), seen.number("inode"), seen.flag("directory"))
