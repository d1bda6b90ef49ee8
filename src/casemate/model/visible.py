"""Text from untrusted bytes, fit to be shown: whatever could steer a terminal or hide from a reader becomes visible.

File names, source lines and messages made of them can hold escape sequences, line breaks, bidirectional overrides
(CVE-2021-42574), invisible characters and bytes that are no text at all. Some CI services take commands out of what a
job prints (`##vso[…]`, `##teamcity[…]`, and `::…::` where a line begins). The set is written out instead of asked from
the interpreter's Unicode tables, so that every interpreter shows the same bytes.
"""

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    import re

HIDDEN = (
    "["
    "\x00-\x1f\x7f-\xa0\xad"  # controls, no-break space, soft hyphen
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # joiners, marks and fillers that show nothing
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3164\uffa0"  # other spaces, zero width, line ends, bidirectional controls
    "\ud800-\udfff"  # surrogates: bytes of a file name that are no text
    "\ue000-\uf8ff\U000f0000-\U0010ffff"  # private use
    "\ufe00-\ufe0f\ufeff\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"  # tags and variation selectors: text that no reader sees
    "]"
)
COMMAND = r"#(?=#\w*\[)|^(?=\s*::)(\s*):"
LONGEST = 1000  # characters of a message
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Give the text on one line, with every hidden character as an escape such as `\x1b` or `\u202e`."""
    shown = text if text.isascii() and text.isprintable() else _compiled(HIDDEN).sub(_escape, text)
    return inert(shown)


def brief(text: str) -> str:
    """Give a message on one line, without its middle where it is longer than anybody reads: the end says what to do."""
    left_out = len(text) - LONGEST
    return visible(text if left_out <= 0 else f"{text[: LONGEST // 2]}[... {left_out} more ...]{text[-LONGEST // 2 :]}")


def is_hidden(character: str) -> bool:
    """Tell whether a character is one that `visible` does not show as it is."""
    return _compiled(HIDDEN).match(character) is not None


def inert(line: str) -> str:
    r"""Give a printed line that no CI service takes for a command: what would make it one is `\x23` or `\x3a`."""
    return _compiled(COMMAND).sub(lambda match: f"{match[1]}\\x3a" if match[1] is not None else "\\x23", line)


def _compiled(pattern: str) -> "re.Pattern[str]":
    """Compile a pattern when it is first used, which `re` remembers: most runs have nothing to say."""
    import re  # noqa: PLC0415 -- likewise

    return re.compile(pattern)


def _escape(match: "re.Match[str]") -> str:
    """Write one character as Python would; a surrogate that stands for a byte (PEP 383) as that byte."""
    character = match.group()
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if character in SHORT:
        return SHORT[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
