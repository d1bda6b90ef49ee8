"""What an ordinary user does with the vm backend: started by test_vm.py as one."""

import os
from pathlib import Path

from confining import Command, interpreter, policy

from casemate.model.capability import Capability
from casemate.model.policy import Grant
from casemate.sandbox import Streams, confine


def test_a_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    code = f"import os; open({str(out / 'new')!r}, 'w').write(f'{{os.getuid()}} {{os.uname().release}}')"
    assert interpreter()
    python = os.path.realpath("/proc/self/exe")
    granted = policy(Grant(Capability.FS_WRITE, str(out)))
    command = Command((python, "-I", "-S", "-c", code), python, "/")
    with (tmp_path / "said").open("w+") as said:
        ended = confine(
            command, granted, environment={}, backend="vm", streams=Streams(0, said.fileno(), said.fileno())
        )
        said.seek(0)
        assert ended.code == 0, said.read()
    assert (out / "new").read_text().startswith("1000 ")
    assert os.uname().release not in (out / "new").read_text()
    assert (out / "new").stat().st_uid == os.geteuid() != 0
