"""The mask, in C and in Python."""

import sys
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase
from websockets.speedups import apply_mask

from ecm.websocket import mask
from testkit.websocket_frames import KEY

keys = st.binary(min_size=4, max_size=4)


class MaskTests(TestCase):
    @given(st.binary(max_size=300), keys)
    def test_in_python_it_is_that_of_the_package(self, data: bytes, key: bytes) -> None:
        self.assertEqual(mask.in_python(data, key), apply_mask(data, key))

    @given(st.binary(max_size=300), keys)
    def test_put_on_twice_it_is_off(self, data: bytes, key: bytes) -> None:
        for used in (mask.in_python, mask.mask):
            self.assertEqual(used(used(bytearray(data), key), key), data)

    def test_the_package_is_used_where_it_is_installed(self) -> None:
        self.assertIs(mask.mask, apply_mask)

    def test_without_the_package_it_is_in_python(self) -> None:
        with patch.dict(sys.modules, {"websockets.speedups": None}):
            self.assertIs(mask._fastest(), mask.in_python)
        self.assertEqual(mask.in_python(b"Hello", KEY), b"\x7f\x9f\x4d\x51\x58")
