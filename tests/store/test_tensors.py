import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.store import read_tensors, write_tensors


def raw(header, body=b""):
    """A safetensors file of this header and body, right or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "adapter_model.safetensors"


def test_what_is_written_is_what_is_read(path):
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "strided": np.arange(10, dtype=np.int64)[::3],
        "half": np.ones((2, 2), dtype=np.float16),
        "scalar": np.float32(1.5) * np.ones(()),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    write_tensors(path, tensors, {"format": "pt"})
    found = read_tensors(path)
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype
        assert found[name].flags.writeable


def test_the_bytes_are_those_of_the_librarys_own_writer(path, tmp_path):
    tensors = {"b": np.ones((3, 2), dtype=np.float32), "a": np.zeros(2, dtype=np.float32)}
    write_tensors(path, tensors, {"format": "pt"})
    safetensors.numpy.save_file(tensors, tmp_path / "reference", metadata={"format": "pt"})
    assert path.read_bytes() == (tmp_path / "reference").read_bytes()


LIES = {
    "nothing": b"",
    "shorter than a length": b"\x01",
    "header longer than the file": struct.pack("<Q", 10**6) + b"{}",
    "header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "header over the limit of 100 MB": struct.pack("<Q", 100_000_001) + b"{}",
    "header that is no JSON": raw(b"{"),
    "header that is a list": raw([1]),
    "header in Latin-1": raw(b'{"\xe4": 1}'),
    "offsets outside the file": raw({"a": entry([4], 0, 16)}, b"\0" * 8),
    "offsets that run backwards": raw({"a": entry([1], 4, 0)}, b"\0" * 4),
    "negative offsets": raw({"a": entry([1], -4, 0)}, b"\0" * 4),
    "shape larger than its bytes": raw({"a": entry([1000], 0, 4)}, b"\0" * 4),
    "shape that overflows": raw({"a": entry([2**32, 2**32], 0, 4)}, b"\0" * 4),
    "empty shape of absurd size": raw({"a": entry([0, 2**63], 0, 0)}),
    "negative shape": raw({"a": entry([-1], 0, 4)}, b"\0" * 4),
    "overlap": raw({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12),
    "hole": raw({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, b"\0" * 12),
    "bytes that no tensor names": raw({"a": entry([1], 0, 4)}, b"\0" * 400),
    "same name twice": raw(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        b"\0" * 8,
    ),
    "unknown type": raw({"a": entry([1], 0, 4, "F31")}, b"\0" * 4),
    "bfloat16": raw({"a": entry([2], 0, 4, "BF16")}, b"\0" * 4),
    "complex": raw({"a": entry([1], 0, 8, "C64")}, b"\0" * 8),
    "truth values": raw({"a": entry([4], 0, 4, "BOOL")}, b"\0" * 4),
    "deeply nested": raw(b'{"a":' * 100_000),
    "a pickle": b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_file_is_refused_in_one_line(path, lie):
    path.write_bytes(LIES[lie])
    with pytest.raises(LingyuError) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.next


def test_a_file_that_is_not_there_is_one_line(path):
    with pytest.raises(LingyuError, match=f"{path}: no such file"):
        read_tensors(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_value_that_is_no_finite_number_is_refused_and_its_tensor_named(path, value, dtype):
    diverged = np.zeros((3, 3), dtype=dtype)
    diverged[1, 2] = value
    write_tensors(path, {"fine": np.ones(2, dtype=dtype), "layer.0.lora_B": diverged})
    with pytest.raises(LingyuError, match=r"'layer\.0\.lora_B' holds 1 values that are no finite numbers"):
        read_tensors(path)


def test_the_largest_finite_values_are_fine(path):
    write_tensors(path, {"a": np.full(4, np.finfo(np.float32).max)})
    assert read_tensors(path)["a"].shape == (4,)


def refusal(path):
    """The line with which a file is refused; empty where it is read."""
    try:
        read_tensors(path)
    except LingyuError as error:
        return str(error)
    return ""


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    assert "\n" not in refusal(path)


@settings(max_examples=60)
@given(st.integers(0, 2000), st.integers(1, 255))
def test_any_changed_byte_is_read_or_refused_in_one_line(tmp_path_factory, place, change):
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    write_tensors(path, {"a": np.ones((4, 4), dtype=np.float32), "b": np.arange(9)}, {"format": "pt"})
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= change
    path.write_bytes(data)
    assert "\n" not in refusal(path)
