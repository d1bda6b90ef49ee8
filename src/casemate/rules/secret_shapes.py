"""What secrets look like: known formats of issuers, and texts that no person would choose as a word."""

import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from casemate.model.finding import Confidence, Severity
from casemate.rules.naming import words

FORMATS = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a GitHub token", r"\bgh[opsur]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20}"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    ("a Slack token", r"\bxox[abeoprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    ("an Anthropic or OpenAI key", r"\bsk-(?:ant|proj)-[A-Za-z0-9_-]{20,}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}"),
    ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    (
        "a password in an address",
        r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@{}<>$%]+:(?P<password>[^\s/:@{}<>$%*]{6,})@[\w.-]+",
    ),
)
HERE = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+)(?![\w.-])")
KNOWN = tuple((name, re.compile(pattern)) for name, pattern in FORMATS)
PASSWORDS = frozenset({"password", "passwd", "passphrase", "pwd"})
LAST = frozenset({"secret", "token", "apikey"})
KEYS = frozenset({"api", "secret", "private", "signing", "encryption", "access", "auth"})
FRAMEWORK_KEYS = frozenset({"SECRET_KEY", "JWT_SECRET_KEY", "WTF_CSRF_SECRET_KEY"})
PUBLIC = frozenset(
    {"page", "cursor", "continuation", "public", "csrf", "sort", "partition"}
)  # tokens that grant nothing
PLACEHOLDER = re.compile(
    r"change.?me|example|placeholder|your|dummy|sample|fake|test|xxx|\*\*\*|\.\.\.|insecure|redacted|<[^<>\n]*>|[${}]|%[(s]",
    re.IGNORECASE,
)
IDENTIFIER = re.compile(r"[a-z]+://.*|[A-Za-z_]+([-./: ]+[A-Za-z_]+)*[-./:]?|[A-Z0-9_]+|/.*|.*\s.*", re.DOTALL)
FEW = 4  # texts
DIGIT, LETTER = re.compile(r"\d"), re.compile(r"[A-Za-z]")
LONGEST = 10_000  # characters looked at: patterns are never given more
POPULAR = frozenset(
    "changeme hunter2 letmein admin123 password1 password123 qwerty123 passw0rd p@ssw0rd admin secret".split()  # noqa: SIM905 -- a list of words
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text looks like, how sure that is, whether the name alone says so, and whether it is for this machine."""

    message: str
    severity: Severity
    confidence: Confidence
    named: bool = False
    here: bool = False


def entropy(text: str) -> float:
    """Give the bits for each character: 0 for one letter repeated, above 3 for most random texts of 12."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def by_format(text: str) -> Shape | None:
    """Recognise the format of a known issuer; examples of its documentation are no secrets."""
    for name, pattern in KNOWN:
        found = pattern.search(text, 0, LONGEST)
        if found is None:
            continue
        secret = found.groupdict().get("password") or found[0]
        if PLACEHOLDER.search(secret) or (secret.lower() in PASSWORDS) or entropy(secret) < 2.5:
            continue
        here = HERE.match(text, found.end("password") + 1) if "password" in found.groupdict() else None
        return Shape(f"{name} stands in the source", Severity.HIGH, Confidence.HIGH, here=here is not None)
    return None


def names_a_secret(name: str) -> str:
    """Tell by its last word whether a name holds a secret itself: "password", "token", "key" or ""."""
    parts = words(name)
    if not parts or PUBLIC.intersection(parts):
        return ""
    if parts[-1] in PASSWORDS:
        return "password"
    if parts[-1] in LAST:
        return "token"
    return "key" if len(parts) > 1 and parts[-1] == "key" and parts[-2] in KEYS else ""


def by_name(name: str, text: str) -> Shape | None:
    """Judge a text by the name it is given: random enough to be a secret, or a popular password."""
    kind = names_a_secret(name)
    if not kind or a_name_of(name, text):
        return None
    if kind == "password" and text.lower() in POPULAR:
        return Shape("a popular password stands in the source", Severity.LOW, Confidence.LOW)
    if kind != "password" and not (DIGIT.search(text) and LETTER.search(text)):
        return None  # `#bygroup`, a regular expression: nobody issues tokens without digits
    if not 8 <= len(text) <= 500 or PLACEHOLDER.search(text) or IDENTIFIER.fullmatch(text) or entropy(text) < 2.8:
        return None
    return Shape(f"what `{name}` holds looks like a secret", Severity.HIGH, Confidence.MEDIUM, named=True)


def of_framework(name: str, text: str) -> Shape | None:
    """Judge a text that is given to the key with which a web framework signs: any text there is its key."""
    if name not in FRAMEWORK_KEYS or not text.strip() or text.startswith("django-insecure-") or a_name_of(name, text):
        return None
    severity = Severity.LOW if PLACEHOLDER.search(text) else Severity.MEDIUM
    return Shape("whoever reads the source has this key", severity, Confidence.MEDIUM)


def by_default(name: str, text: str) -> Shape | None:
    """Judge the default of an argument for a password: whoever leaves it out has the password that all others have."""
    if names_a_secret(name) != "password" or not text.strip() or PLACEHOLDER.search(text) or a_name_of(name, text):
        return None
    return Shape("everybody knows this default of a password", Severity.INFO, Confidence.MEDIUM)


def a_name_of(name: str, text: str) -> bool:
    """Tell whether a text is a name of what it is given to: `DATA_JWT_SECRET = "oauth2_jwt_secret"`."""
    return words(text) == words(name) or words(text)[-2:] == words(name)[-2:]


def field(name: str, texts: Collection[str]) -> bool:
    """Tell by the texts that a file gives one name whether it is a field of a table: most of them are no secrets."""
    plain = sum(len(text) > 2 and not PLACEHOLDER.search(text) and by_name(name, text) is None for text in texts)
    return plain >= FEW and 2 * plain >= len(texts)
