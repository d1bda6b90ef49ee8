"""Exchanges one text for another of the same length in a stream: placeholder for secret outwards, and back inwards.

A text that is split across reads is found: what could be its beginning is held back until the rest comes. A short
beginning is held for a moment only, or an answer that happens to end like it would wait for ever; from THRESHOLD bytes
on it is held until it is known. Inwards, what was let go of still counts: a secret in drops is exchanged from there.
Outwards a placeholder goes as a whole or not at all: half of each, sent back, would be no text that is known here.

To hold something back is an answer, too: a program that lets the host repeat its guesses sees which of them wait, and
has the secret letter by letter in seconds. So inwards a short beginning is never held, and Guesses counts the longer
ones that do not become a text. From hosts that are not to get the secret nothing is held: they may be the same server
under another name, or share its data, and to find a whole text in what they send costs nothing.

Texts are found as they are. A server that sends a secret back encoded, or in part, sends it back: see
docs/explanation/egress.md.
"""

from collections.abc import Callable, Mapping

THRESHOLD = 4  # bytes of a beginning that are no coincidence
MOST = 3  # beginnings that did not go on: each tells a guesser one letter; by chance there is one in millions of reads


class Guesses:
    """How often a host sent the beginning of a secret, and something else then: counted over all its connections."""

    def __init__(self, enough: Callable[[], None]) -> None:
        """Call once when there were MOST of them."""
        self._enough = enough
        self._open = 0
        self.over = False

    def begun(self) -> None:
        """Count one that is held; while it is, it is none that has gone on."""
        self._open += 1
        if self._open >= MOST and not self.over:
            self.over = True
            self._enough()

    def completed(self) -> None:
        """Take it back: it was the secret."""
        self._open -= 1


class Exchange:
    """One direction of one connection."""

    def __init__(self, texts: Mapping[bytes, bytes], guesses: Guesses | None = None, *, holds: bool = True) -> None:
        """Take what is exchanged for what; each pair of the same length. With `guesses` the first texts are secret.

        One that does not hold exchanges what comes in one piece, and of what comes in pieces all but the first.
        """
        self._texts = dict(texts)
        self._guesses = guesses
        self._whole = holds and guesses is None
        self._least = len(max(self._texts, key=len, default=b"")) if not holds else THRESHOLD if guesses else 1
        self._counted = False  # the beginning that is held
        self._window = b""  # the end of the stream so far that could be the beginning of a text
        self._sent = 0  # how much of it was let go of already

    @property
    def held(self) -> int:
        """Bytes that wait for what follows them."""
        return len(self._window) - self._sent

    def __call__(self, data: bytes) -> bytes:
        """Take the next bytes of the stream; give what may go on."""
        whole = self._window + data
        changed, end = self._changed(whole)
        keep = max((self._beginning(text, whole, end) for text in self._texts), default=0)
        go = len(whole) - keep
        short = keep < self._least
        out = changed[self._sent :] if short else changed[self._sent : go]
        self._window, self._sent = whole[go:], keep if short else max(0, self._sent - go)
        if self._guesses is not None:
            self._count(self._guesses, whole)
        return out

    def _count(self, guesses: Guesses, whole: bytes) -> None:
        """Count the beginning that is held now, once, until it is a text."""
        if self._counted and len(self._window) < len(whole):
            self._counted = False
            if whole.startswith(tuple(self._texts)):
                guesses.completed()
        if not self._counted and len(self._window) >= THRESHOLD:
            self._counted = True
            guesses.begun()

    def moment(self) -> bytes:
        """Give what was held without much reason, now that a moment has passed."""
        if len(self._window) >= THRESHOLD:
            return b""
        out, self._sent = self._window[self._sent :], len(self._window)
        return out

    def finish(self) -> bytes:
        """Give what is left, now that the stream is over."""
        out, self._window, self._sent = self._window[self._sent :], b"", 0
        return out

    def _changed(self, whole: bytes) -> tuple[bytes, int]:
        """Exchange every text from left to right; give the result, and where the last one ended."""
        at = self._sent if self._whole else 0
        pieces = [whole[:at]]
        while True:
            found = [(where, text) for text in self._texts if (where := whole.find(text, at)) >= 0]
            if not found:
                return b"".join((*pieces, whole[at:])), at
            where, text = min(found, key=lambda one: (one[0], -len(one[1])))
            pieces += (whole[at:where], self._texts[text])
            at = where + len(text)

    def _beginning(self, text: bytes, whole: bytes, end: int) -> int:
        """Give how many bytes at the end of `whole`, after `end`, are a beginning of a text."""
        longest = min(len(text) - 1, len(whole) - end)
        return next((length for length in range(longest, 0, -1) if whole.endswith(text[:length])), 0)
