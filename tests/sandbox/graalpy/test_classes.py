"""The guest's classes in the package are what the compiler makes of their sources, and the lock knows them."""

from pathlib import Path

from tests.conftest import require
from tests.sandbox.graalpy import compiling


def test_the_classes_are_those_of_the_sources(runtime: Path, tmp_path: Path) -> None:  # noqa: ARG001 -- it has the API
    require(f"a Java compiler of release {compiling.RELEASE}", there=bool(compiling.compiler()))
    shipped = {name: data for name, data in compiling.shipped().items() if name.endswith(".class")}
    assert compiling.compiled(tmp_path) == shipped, "make guest"


def test_an_installation_with_other_classes_is_another_one() -> None:
    assert compiling.LINE.findall(compiling.LOCK.read_text("utf-8")) == [
        f'# guest = "{compiling.digest(compiling.shipped())}"'
    ]
