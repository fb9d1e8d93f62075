"""An array of signals is split in a short step, whatever a body holds."""

from __future__ import annotations

import contextlib

import msgspec
import pytest

from overmind.clock.clocks import thread_ns
from overmind.http.arrays import COMMAS_MAX, items_of
from overmind.http.bounds import BODY_BYTES_MAX

STEP_MS = 20.0
SIGNAL = b'{"signal_id":"s"}'
ITEMS = [b"1", b"{}", b'"a"', b"[]", SIGNAL, b'{"signal_id":1}', b'{"signal_id":"s","meta":[1,1,1,1,1,1,1,1]}']


def array(item: bytes, count: int) -> bytes:
    return b"[" + b",".join([item] * count) + b"]"


@pytest.mark.parametrize("item", ITEMS)
def test_a_few_items_are_each_judged_by_whoever_reads_them(item: bytes) -> None:
    assert [bytes(one) for one in items_of(array(item, 3))] == [item] * 3


def test_many_commas_are_split_if_every_item_is_a_signal_and_else_refused() -> None:
    deep = b'{"signal_id":"s","meta":[' + b"1," * COMMAS_MAX + b"1]}"
    assert [bytes(one) for one in items_of(array(deep, 2))] == [deep] * 2
    for bad in (b"1", b"{}", b"[]", b"null"):
        with pytest.raises(msgspec.ValidationError, match=r"\$\[1\]"):
            items_of(b"[" + deep + b"," + bad + b"]")


@pytest.mark.soak
@pytest.mark.parametrize("item", ITEMS)
def test_a_full_body_is_split_in_a_short_step(item: bytes) -> None:
    body, took = array(item, BODY_BYTES_MAX // (len(item) + 1)), []
    for _ in range(3):
        began_ns = thread_ns()
        with contextlib.suppress(msgspec.ValidationError):
            items_of(body)
        took.append(thread_ns() - began_ns)
    assert min(took) <= STEP_MS * 1e6
