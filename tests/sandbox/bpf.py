"""A small machine for classic BPF, as far as the filters use it: bpf(4), seccomp(2)."""

import struct

from casemate.sandbox.native import arguments as a
from casemate.sandbox.native.seccomp import AT_LEAST

GREATER, ALWAYS = 0x25, 0x05  # what libseccomp writes as well


def answer(code: bytes, number: int, arch: int, values: tuple[int, ...] = (0, 0, 0, 0, 0, 0)) -> int:
    """Run a filter on one call and give its answer."""
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0, *values)
    lines = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    at, loaded = 0, 0
    while True:
        kind, yes, no, value = lines[at]
        at += 1
        if kind == a.LOAD:
            loaded = struct.unpack_from("=I", data, value)[0]
        elif kind == a.AND:
            loaded &= value
        elif kind == a.EQUAL:
            at += yes if loaded == value else no
        elif kind == AT_LEAST:
            at += yes if loaded >= value else no
        elif kind == GREATER:
            at += yes if loaded > value else no
        elif kind == a.BITS:
            at += yes if loaded & value else no
        elif kind == ALWAYS:
            at += value
        else:
            assert kind == a.RETURN
            return int(value)
