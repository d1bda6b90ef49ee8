"""Exchanges one text for another of the same length in a stream: placeholder for secret outwards, and back inwards.

A text that is split across reads is found: what could be its beginning is held back until the rest comes. A short
beginning is held for a moment only, or an answer that happens to end like it would wait for ever; from THRESHOLD bytes
on it is held until it is known. What was let go of still counts, so a text that comes in drops is exchanged from there.

Texts are found as they are. A server that sends a secret back encoded, or in part, sends it back: see
docs/explanation/egress.md.
"""

from collections.abc import Mapping

THRESHOLD = 4  # bytes of a beginning that are no coincidence


class Exchange:
    """One direction of one connection."""

    def __init__(self, texts: Mapping[bytes, bytes]) -> None:
        """Take what is exchanged for what; each pair of the same length."""
        self._texts = dict(texts)
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
        out = changed[self._sent : go]
        self._window, self._sent = whole[go:], max(0, self._sent - go)
        return out

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
        pieces, at = list[bytes](), 0
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
