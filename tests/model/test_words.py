"""Our own enumerations are like those of the standard library, wherever our code can tell."""

import enum
import subprocess
import sys

import pytest

from casemate.model.capability import Capability

PROGRAM = """
import sys
assert "enum" not in sys.modules
from casemate.model.words import IntEnum, StrEnum

class Word(StrEnum):
    A = "a.x"
    B = "b.y"

    @property
    def family(self):
        return self.value.partition(".")[0]

class Number(IntEnum):
    ONE = 1
    TWO = 2

def failed(act, *arguments):
    try:
        act(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)

print([
    list(Word), list(Number), Word("a.x") is Word.A, Word["B"] is Word.B, Word.A.name, Word.A.value, type(Word.A.value),
    str(Word.A), f"{Word.A:>5}", repr(Word.A), Word.A == "a.x", hash(Word.A) == hash("a.x"), Word.A.family, len(Word),
    isinstance(Word.A, str), Number.TWO + 1, str(Number.TWO), f"{Number.TWO:02}", repr(Number.TWO), Number(2).name,
    int(Number.ONE), sorted(Word, reverse=True), list(Word.__members__), Word(Word.A) is Word.A,
    failed(Word, "c"), failed(Number, 3), failed(Word, []), failed(setattr, Word, "A", "z")[0], Word.A in Word,
    failed(delattr, Word, "A")[0], {Word.A: 1}["a.x"], max(Number), Number.ONE < Number.TWO, bool(Word.A),
    Word.A is Word.A, Word.A != Word.B,
])
"""


def said(before: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append('src'){before}\n{PROGRAM}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ours_answer_as_those_of_the_standard_library() -> None:
    theirs = said("").replace("casemate.model.words", "enum")
    plain = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM.replace("casemate.model.words", "enum")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert theirs == plain.stdout


def test_who_has_loaded_enum_gets_the_real_ones() -> None:
    assert isinstance(Capability, enum.EnumMeta)


@pytest.mark.parametrize("act", ["copy.copy", "copy.deepcopy", "lambda it: pickle.loads(pickle.dumps(it))"])
def test_a_copy_of_a_member_is_the_member(act: str) -> None:
    program = f"""
import sys; sys.path.append("src")
from casemate.model.capability import Capability
from casemate.model.exits import Exit
import copy, pickle
act = {act}
assert act(Capability.FS_READ) is Capability.FS_READ
assert act(Exit.REFUSED) is Exit.REFUSED
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
