"""Secrets by placeholder: what is sent to the one host is the secret, and nothing that comes in is."""

import itertools
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.model.errors import Refused
from casemate.model.policy import Policy
from casemate.model.secret import Injection, Secret
from casemate.policy.placeholder import placed
from casemate.sandbox.native.exchange import MOST, THRESHOLD, Exchange, Guesses

Casemate = Callable[..., subprocess.CompletedProcess[str]]
SECRET = "Tok3n-fOr_tests.aB1"  # noqa: S105 -- of a test
PLACE = b"0123456789"
VALUE = b"abcdefghij"


def exchanged(pieces: list[bytes], texts: dict[bytes, bytes], *, moments: bool = False) -> bytes:
    exchange = Exchange(texts)
    out = b""
    for piece in pieces:
        out += exchange(piece)
        out += exchange.moment() if moments else b""
    return out + exchange.finish()


def cut(whole: bytes, at: list[int]) -> list[bytes]:
    points = [0, *sorted(point % (len(whole) + 1) for point in at), len(whole)]
    return [whole[a:b] for a, b in itertools.pairwise(points) if b > a]


@given(
    st.lists(st.sampled_from([PLACE, VALUE, b"0", b"012", b"0123456", b"a", b"abcdefghi", b"\n", b"x"])),
    st.lists(st.integers(0)),
)
def test_however_a_stream_is_cut_every_text_in_it_is_exchanged(parts: list[bytes], at: list[int]) -> None:
    whole = b"".join(parts)
    assert exchanged(cut(whole, at), {PLACE: VALUE}) == whole.replace(PLACE, VALUE)
    assert exchanged(cut(whole, at), {VALUE: PLACE}) == whole.replace(VALUE, PLACE)


@given(st.lists(st.sampled_from([VALUE, VALUE[:3], VALUE[:7], b"-"])), st.lists(st.integers(0)))
def test_however_slowly_it_comes_no_whole_text_passes(parts: list[bytes], at: list[int]) -> None:
    whole, exchange = b"".join(parts), Exchange({VALUE: PLACE}, Guesses(ignored))
    out = b"".join([exchange(piece) + exchange.moment() for piece in cut(whole, at)]) + exchange.finish()
    assert len(out) == len(whole)
    assert VALUE not in out
    assert all(VALUE[:THRESHOLD] not in out[m.start() : m.start() + THRESHOLD] for m in re.finditer(VALUE, whole))


def ignored() -> None:
    """Take no notice of guesses."""


def test_in_drops_at_most_the_first_letters_pass() -> None:
    exchange = Exchange({VALUE: PLACE}, Guesses(never))
    out = b"".join([exchange(bytes([byte])) + exchange.moment() for byte in VALUE])
    assert out == VALUE[: THRESHOLD - 1] + PLACE[THRESHOLD - 1 :]


@given(st.lists(st.sampled_from([PLACE, PLACE[:3], PLACE[:7], b"-"])), st.lists(st.integers(0)))
def test_outwards_a_placeholder_goes_as_a_whole_or_not_at_all(parts: list[bytes], at: list[int]) -> None:
    """Half of each would come back from a host that repeats it, and be no secret that is known."""
    out = exchanged(cut(b"".join(parts), at), {PLACE: VALUE}, moments=True)
    assert re.fullmatch(b"(abcdefghij|[0-9-])*", out)
    assert out.replace(VALUE, PLACE) == b"".join(parts)


def test_outwards_what_was_let_go_of_is_part_of_no_placeholder() -> None:
    exchange = Exchange({PLACE: VALUE})
    assert exchange(PLACE[:3]) + exchange.moment() + exchange(PLACE[3:] + PLACE) == PLACE + VALUE


def test_a_short_beginning_at_the_end_waits_for_a_moment_only() -> None:
    exchange = Exchange({VALUE: PLACE})
    assert exchange(b"hello a") == b"hello "
    assert exchange.held == 1
    assert exchange.moment() == b"a"
    assert exchange.held == 0
    assert exchange(b"bc!") == b"bc!"


def never() -> None:
    raise AssertionError("nobody guesses here")


@given(st.lists(st.sampled_from([VALUE, b"-", b"abz", b"\n"])), st.lists(st.integers(0)))
def test_inwards_at_most_the_first_letters_of_a_secret_pass_however_it_is_cut(
    parts: list[bytes], at: list[int]
) -> None:
    whole, guesses = b"".join(parts), Guesses(never)
    exchange = Exchange({VALUE: PLACE}, guesses)
    out = b"".join([exchange(piece) for piece in cut(whole, at)]) + exchange.finish()
    assert len(out) == len(whole)
    for found in re.finditer(VALUE, whole):
        letters = out[found.start() : found.end()]
        assert letters[THRESHOLD - 1 :] == PLACE[THRESHOLD - 1 :]
    assert out.replace(PLACE, VALUE) == whole or len(cut(whole, at)) > 1


@pytest.mark.parametrize("letters", range(1, THRESHOLD))
def test_inwards_a_short_guess_is_never_answered_by_waiting(letters: int) -> None:
    exchange = Exchange({VALUE: PLACE}, Guesses(never))
    for guess in (VALUE[:letters], b"x" * letters):
        assert exchange(b"\n" + guess) == b"\n" + guess
        assert exchange.held == 0


def test_guesses_are_counted_until_they_are_enough_and_a_text_is_none() -> None:
    said = list[str]()
    guesses = Guesses(lambda: said.append("enough"))
    for _ in range(3 * MOST):  # the secret itself, cut in two, on connections of its own
        exchange = Exchange({VALUE: PLACE}, guesses)
        assert exchange(VALUE[:6]) + exchange(VALUE[6:]) == PLACE
    for number in range(MOST):  # guesses that stay open, on connections of their own
        assert (said, guesses.over) == ([], False), number
        assert Exchange({VALUE: PLACE}, guesses)(VALUE[: THRESHOLD + number]) == b""
    assert (said, guesses.over) == (["enough"], True)
    Exchange({VALUE: PLACE}, guesses)(VALUE[:THRESHOLD])
    assert said == ["enough"]


def test_guesses_that_are_taken_back_are_counted_too() -> None:
    said = list[str]()
    exchange = Exchange({VALUE: PLACE}, Guesses(lambda: said.append("enough")))
    for _ in range(MOST):
        assert not said
        assert exchange(VALUE[:5]) + exchange(b"\n") == VALUE[:5] + b"\n"
    assert said == ["enough"]


def test_one_that_does_not_hold_lets_only_the_first_piece_pass() -> None:
    exchange = Exchange({VALUE: PLACE}, holds=False)
    assert exchange(b"-" + VALUE + b"-" + VALUE[:8]) == b"-" + PLACE + b"-" + VALUE[:8]
    assert exchange.held == 0
    assert exchange(VALUE[8:] + VALUE) + exchange.finish() == PLACE[8:] + PLACE


def test_of_two_texts_at_one_place_the_longer_is_meant() -> None:
    texts = {b"abcdefgh": b"AAAAAAAA", b"abcdefghXY": b"BBBBBBBBBB"}
    assert exchanged([b"-abcdefghXY-abcdefgh-"], texts) == b"-BBBBBBBBBB-AAAAAAAA-"


def test_it_takes_no_longer_than_it_may() -> None:
    secret = b"ab" * 4000
    exchange = Exchange({secret: secret[::-1]})
    began = time.process_time()
    for _ in range(50):
        exchange(b"ab" * 30_000)
    assert time.process_time() - began < 10, "the square of a chunk"


def test_an_injection_shows_nothing() -> None:
    one = Injection("a:1", b"placeholder", b"value")
    assert "value" not in f"{one} {one!r} {[one]} {(one,)}"


# From the command line


class Server:
    """Answers each connection with what it got, as `how` says."""

    def __init__(self, how: Callable[[socket.socket, bytes], None]) -> None:
        """Begin to listen."""
        self.got: list[bytes] = []
        self._how = how
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                words = b""
                while not words.endswith(b"\n") and (part := connection.recv(4096)):
                    words += part
                self.got.append(words)
                self._how(connection, words)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    def echo(connection: socket.socket, words: bytes) -> None:
        connection.sendall(b"you said " + words)

    def slowly(connection: socket.socket, words: bytes) -> None:
        for byte in words:
            connection.sendall(bytes([byte]))
            time.sleep(0.005)

    made = Server(echo), Server(slowly)
    yield made
    for server in made:
        server.close()


def policy(project: Path, text: str, *hosts: str) -> Path:
    path = project / "p.toml"
    connect = ", ".join(f'"{host}"' for host in hosts)
    path.write_text(f"[policy]\nversion = 1\n[net]\nconnect = [{connect}]\n[env]\n{text}\n", encoding="utf-8")
    return path


ASK = """
import os, socket, sys
token = os.environ["TOKEN"]
def ask(port, *pieces):
    s = socket.create_connection(("127.0.0.1", port), 10)
    for piece in pieces:
        s.sendall(piece.encode())
    answer = b""
    while part := s.recv(4096): answer += part
    return answer.decode()
print(token)
print(ask(%d, "token=" + token[:5], token[5:] + "\\n"))
print(ask(%d, token + "\\n"))
"""


@pytest.mark.parametrize("source", ["env", "file"])
def test_the_secret_goes_to_its_host_and_to_nobody_else(
    casemate: Casemate, tmp_path: Path, servers: tuple[Server, Server], source: str
) -> None:
    meant, other = servers
    (tmp_path / "token").write_text(f"{SECRET}\n", encoding="utf-8")
    where = "env:REAL" if source == "env" else "file:token"
    to = f"127.0.0.1:{meant.port}"
    file = policy(
        tmp_path, f'secret = {{ TOKEN = {{ from = "{where}", to = "{to}" }} }}', to, f"127.0.0.1:{other.port}"
    )
    record = tmp_path / "run.jsonl"
    environment = os.environ | {"REAL": SECRET, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = ASK % (meant.port, other.port)
    for _ in range(2):  # the second time the policy is known
        done = casemate("run", "--policy", file, "--record", record, "-c", code, env=environment)
        assert done.returncode == 0, done.stderr
        placeholder, echoed, _, slow, *_ = done.stdout.splitlines()
        assert len(placeholder) == len(SECRET)
        assert re.fullmatch(r"[A-Z][a-z][a-z]\d[a-z]-[a-z][A-Z][a-z]_[a-z]{5}\.[a-z][A-Z]\d", placeholder)
        assert placeholder != SECRET
        assert echoed == f"you said token={placeholder}"
        assert slow == placeholder
        everywhere = done.stdout + done.stderr + record.read_text(encoding="utf-8")
        assert SECRET not in everywhere
        assert placeholder not in record.read_text(encoding="utf-8")
    assert set(meant.got) == {f"token={SECRET}\n".encode()}
    assert len({words for words in other.got if SECRET.encode() not in words}) == 2  # a new one for each run
    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET.encode() in content for content in kept)
    granted = next(
        json.loads(line) for line in record.read_text(encoding="utf-8").splitlines() if "granted" in line[:20]
    )
    assert [(one["name"], one["to"]) for one in granted["secrets"]] == [("TOKEN", to)]


def test_a_server_that_sends_it_in_drops_gives_little_away(
    casemate: Casemate, tmp_path: Path, servers: tuple[Server, Server]
) -> None:
    _, slow = servers
    to = f"127.0.0.1:{slow.port}"
    file = policy(tmp_path, f'secret = {{ TOKEN = {{ from = "env:REAL", to = "{to}" }} }}', to)
    code = ASK.replace("print(ask(%d, token", "0 and print(ask(%d, token") % (slow.port, 1)
    done = casemate("run", "--policy", file, "-c", code, env=os.environ | {"REAL": SECRET})
    assert done.returncode == 0, done.stderr
    assert slow.got == [f"token={SECRET}\n".encode()]
    assert SECRET[THRESHOLD:] not in done.stdout


def test_the_secret_does_not_come_back_from_the_same_server_under_another_address(
    casemate: Casemate, tmp_path: Path
) -> None:
    got = list[bytes]()

    def serve(listening: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                got.append(connection.recv(4096))
                connection.sendall(b"".join(got))

    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 -- both addresses of the loopback
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        hosts = [f"{address}:{listening.getsockname()[1]}" for address in ("127.0.0.1", "127.0.0.2")]
        file = policy(tmp_path, f'secret = {{ TOKEN = {{ from = "env:REAL", to = "{hosts[0]}" }} }}', *hosts)
        code = """
import os, socket, sys
for host in sys.argv[1:]:
    address, _, port = host.partition(":")
    with socket.create_connection((address, int(port)), 10) as s:
        s.sendall(os.environ["TOKEN"].encode() if host == sys.argv[1] else b"!")
        print(s.recv(4096).decode() == os.environ["TOKEN"] + ("" if host == sys.argv[1] else "!"))
"""
        done = casemate("run", "--policy", file, "-c", code, *hosts, env=os.environ | {"REAL": SECRET})
    assert done.stdout == "True\nTrue\n", done.stderr
    assert got == [SECRET.encode(), b"!"]


SLOWLY = """
import os, socket, time
token = os.environ["TOKEN"]
with socket.create_connection(("127.0.0.1", %d), 10) as s:
    s.sendall(token[:3].encode())
    time.sleep(0.5)  # longer than a short beginning is held
    s.sendall(token[3:].encode() + b"\\n")
    answer = b""
    while part := s.recv(4096): answer += part
print(answer.decode())
"""


def test_a_placeholder_that_is_sent_in_two_pieces_brings_no_half_of_the_secret_back(
    casemate: Casemate, tmp_path: Path, servers: tuple[Server, Server]
) -> None:
    meant, _ = servers
    to = f"127.0.0.1:{meant.port}"
    file = policy(tmp_path, f'secret = {{ TOKEN = {{ from = "env:REAL", to = "{to}" }} }}', to)
    done = casemate("run", "--policy", file, "-c", SLOWLY % meant.port, env=os.environ | {"REAL": SECRET})
    assert done.stdout.startswith("you said "), done.stderr
    assert SECRET[3:] not in done.stdout
    assert all(SECRET[3:].encode() not in words or SECRET.encode() in words for words in meant.got)


GUESSER = """
import os, socket, string, time
known, port = "Tok3n", %d  # what it knows already
def connect():
    return socket.create_connection(("127.0.0.1", port), 10)
def waits(s, guess):
    s.sendall(b"\\n" + guess)
    s.settimeout(0.1)
    try:
        while not (answer := s.recv(100)).endswith(guess):
            if not answer:
                raise ConnectionResetError
        return False
    except TimeoutError:
        return True
kinds = {c: k for k in (string.ascii_lowercase, string.ascii_uppercase, string.digits) for c in k}
try:
    s = connect()
    for like in os.environ["TOKEN"][len(known):-1]:
        for letter in kinds.get(like, like):
            if waits(s, (known + letter).encode()):
                known += letter
                s = connect()
                break
except OSError as error:
    print("cut off:", error)
print("knows", known)
"""


def test_a_program_that_lets_its_host_repeat_guesses_is_cut_off(casemate: Casemate, tmp_path: Path) -> None:
    """That the beginning of a secret is held back shows that it is one: without a limit 20 letters take 4 seconds."""
    listening = socket.create_server(("127.0.0.1", 0))

    def repeat(connection: socket.socket) -> None:
        with connection:
            try:
                while words := connection.recv(4096):
                    connection.sendall(words)
            except OSError:
                return  # cut off

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=repeat, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    to = f"127.0.0.1:{listening.getsockname()[1]}"
    file = policy(tmp_path, f'secret = {{ TOKEN = {{ from = "env:REAL", to = "{to}" }} }}', to)
    record = tmp_path / "run.jsonl"
    code = GUESSER % listening.getsockname()[1]
    done = casemate("run", "--policy", file, "--record", record, "-c", code, env=os.environ | {"REAL": SECRET})
    listening.close()
    assert done.returncode == 0, done.stderr
    assert "cut off" in done.stdout
    assert len(done.stdout.rpartition("knows ")[2].strip()) <= len("Tok3n") + MOST
    assert "somebody may guess it" in record.read_text(encoding="utf-8")


def test_a_dry_run_shows_names_and_no_value(casemate: Casemate, tmp_path: Path) -> None:
    file = policy(tmp_path, 'secret = { TOKEN = { from = "env:REAL", to = "a.example:80" } }', "a.example:80")
    done = casemate("run", "--policy", file, "--dry-run", "-c", "pass", env=os.environ | {"REAL": SECRET})
    assert done.returncode == 0, done.stderr
    assert "variable=TOKEN exchanged=a.example:80" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    shown = casemate("policy", "show", file, env=os.environ | {"REAL": SECRET}).stdout
    assert "TOKEN: a placeholder; env:REAL goes to a.example:80 alone" in shown
    assert SECRET not in shown


def test_the_file_of_a_secret_cannot_be_read_by_the_program(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/token").write_text(SECRET, encoding="utf-8")
    file = policy(tmp_path, 'secret = { TOKEN = { from = "file:data/token", to = "a.example:80" } }', "a.example:80")
    code = f"print(open({str(tmp_path / 'data/token')!r}).read())"
    done = casemate("run", "--policy", file, "--read", tmp_path / "data", "-c", code)
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("value", "options", "said"),
    [
        (None, (), "which is not set"),
        ("a1b2c3d", (), "fewer than 8 letters and digits"),
        ("-" * 40, (), "fewer than 8 letters and digits"),
        ("two lines\nof it", (), "not one line"),
        ("p\u00e4ssw\u00f6rter", (), "not one line"),
        ("x" * 9000, (), "longer than"),
        (SECRET, ("--env", "REAL"), "REAL holds the value"),
        (SECRET, ("--env", f"URL=http://u:{SECRET}@h/"), "URL holds the value"),
        (SECRET, ("--env", "TOKEN=1"), "same name"),
        (SECRET, ("argument",), "an argument of the program holds the value"),
    ],
)
def test_what_would_not_stay_secret_is_refused(
    casemate: Casemate, tmp_path: Path, value: str | None, options: tuple[str, ...], said: str
) -> None:
    file = policy(tmp_path, 'secret = { TOKEN = { from = "env:REAL", to = "a.example:80" } }', "a.example:80")
    arguments = (SECRET,) if options == ("argument",) else ()
    chosen = () if arguments else options
    environment = os.environ | ({"REAL": value} if value is not None else {})
    done = casemate("run", "--policy", file, *chosen, "-c", "print('ran')", *arguments, env=environment)
    assert (done.returncode, done.stdout) == (125, "")
    assert said in done.stderr
    assert SECRET not in done.stderr
    assert done.stderr.count("\n") == 1


def test_placeholders_are_random() -> None:
    asked = Policy(secrets=(Secret("TOKEN", "env:REAL", "a:1"),))

    def made() -> str:
        random.seed(1)
        environment, (one,) = placed(asked, {"REAL": SECRET}, {}, ())
        assert one.value == SECRET.encode()
        return environment["TOKEN"]

    assert len({made() for _ in range(100)}) == 100


def test_a_secret_that_is_part_of_another_is_refused() -> None:
    asked = Policy(secrets=(Secret("A", "env:A", "a:1"), Secret("B", "env:B", "a:1")))
    with pytest.raises(Refused, match="holds the value of the secret A"):
        placed(asked, {"A": SECRET, "B": f"{SECRET}!"}, {}, ())
