"""The stream's file is a safetensors file to the library, and its reader believes no header."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lingyu.bases import StoredTensor, encoder_tensors
from lingyu.errors import LingyuError
from lingyu.release.merged.tensor_file import DTYPES, read_tensor, size_bytes, write_tensors

NAME = "embeddings.word_embeddings.weight"
shapes = st.dictionaries(
    st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__"),
    st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=5,
)


@given(shapes=shapes, dtype=st.sampled_from(sorted(DTYPES)))
@settings(max_examples=40)
def test_the_library_reads_back_what_was_written(
    shapes: dict[str, tuple[int, ...]], dtype: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("file") / "model.safetensors"
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    counts: list[int] = []
    record = write_tensors(file, shapes, iter(tensors.values()), DTYPES[dtype], counts.append)
    read = load_file(file)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor.to(DTYPES[dtype])) for name, tensor in tensors.items())
    assert record.size == file.stat().st_size
    assert record.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert sum(counts) == size_bytes(shapes, DTYPES[dtype])
    assert int.from_bytes(file.read_bytes()[:8], "little") % 8 == 0
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata() == {"format": "pt"}


def test_views_are_written_as_what_they_show(tmp_path: Path) -> None:
    matrix = torch.arange(6.0).reshape(2, 3).T
    write_tensors(tmp_path / "file", {"w": (3, 2)}, [matrix], torch.float32)
    assert torch.equal(load_file(tmp_path / "file")["w"], matrix)


@pytest.mark.parametrize(("value", "dtype"), [(float("nan"), "float32"), (float("-inf"), "bfloat16"), (7e4, "float16")])
def test_what_is_not_finite_in_its_type_is_refused_by_name(value: float, dtype: str, tmp_path: Path) -> None:
    with pytest.raises(LingyuError, match=f"w would hold values that are no finite numbers in {dtype}") as caught:
        write_tensors(tmp_path / "file", {"w": (2,)}, [torch.tensor([1.0, value])], DTYPES[dtype])
    assert caught.value.status == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_bases_tensor_is_read_as_float32_whatever_its_type(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.randn(7, 5).to(dtype)
    save_file({NAME: tensor}, tmp_path / "model.safetensors")
    (stored,) = encoder_tensors(tmp_path).values()
    read = read_tensor(stored)
    assert read.dtype == torch.float32
    assert torch.equal(read, tensor.float())
    read.add_(1)  # in memory of its own
    assert torch.equal(load_file(tmp_path / "model.safetensors")[NAME], tensor)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool])
def test_what_is_no_floating_point_number_is_refused(dtype: torch.dtype, tmp_path: Path) -> None:
    save_file({NAME: torch.ones(4, 2).to(dtype)}, tmp_path / "model.safetensors")
    (stored,) = encoder_tensors(tmp_path).values()
    with pytest.raises(LingyuError, match="no floating-point number"):
        read_tensor(stored)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2), (1 << 40, 1 << 40)])
def test_a_shape_that_does_not_fit_the_bytes_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    save_file({NAME: torch.ones(4, 2)}, tmp_path / "model.safetensors")
    (stored,) = encoder_tensors(tmp_path).values()
    lying = StoredTensor(stored.file, stored.name, stored.dtype, shape, stored.start, stored.size_bytes)
    with pytest.raises(LingyuError, match="has 32 bytes for shape"):
        read_tensor(lying)


def test_a_file_that_was_cut_short_meanwhile_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({NAME: torch.ones(4, 2)}, file)
    (stored,) = encoder_tensors(tmp_path).values()
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(LingyuError, match="has 27 bytes for shape"):
        read_tensor(stored)


def test_the_header_has_the_tensors_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    write_tensors(tmp_path / "f", {"b": (2,), "a": (3,)}, [torch.zeros(2), torch.ones(3)], torch.float32)
    data = (tmp_path / "f").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["b"]["data_offsets"] == [0, 8]
    assert header["a"]["data_offsets"] == [8, 20]
