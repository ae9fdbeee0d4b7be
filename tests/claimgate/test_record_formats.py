"""Records in every format: what a claim reads of them is what was written, and what is damaged is refused."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from claimgate import array_files, record_formats
from claimgate.bulk_schema import is_finite
from claimgate.errors import InputError
from claimgate.manifest import freeze
from claimgate.record_formats import parse_record


def test_a_csv_gives_rows_and_columns():
    found = parse_record(b'name,n,x\na,1,0.5\n"b, c",2,\n', "a.csv")
    assert found["rows"] == [{"name": "a", "n": 1, "x": 0.5}, {"name": "b, c", "n": 2, "x": None}]
    assert found["columns"] == {"name": ["a", "b, c"], "n": [1, 2], "x": [0.5, None]}


@pytest.mark.parametrize("text", ["a,a\n1,2\n", "", "a,b\n1\n", "a,b\n1,2,3\n", 'a\n"1', "a,b\n1,2\n\xff"])
def test_a_damaged_csv_is_refused(text):
    with pytest.raises(InputError):
        parse_record(text.encode("latin-1"), "a.csv")


def test_json_lines_give_one_row_for_each_line():
    assert parse_record(b'{"x": 1}\n{"x": 2.5}\n', "a.jsonl") == {"rows": [{"x": 1}, {"x": 2.5}]}
    assert parse_record(b"", "a.jsonl") == {"rows": []}


@pytest.mark.parametrize("text", [b"1, 2\n", b'{"x": 1}\n\n{"x": 2}\n', b'{"x": 1,\n"y": 2}\n', b'{"x": 1, "x": 2}\n'])
def test_a_line_that_is_no_document_is_refused_with_its_number(text):
    with pytest.raises(InputError, match=r"a\.jsonl, line [12]: expected a JSON document"):
        parse_record(text, "a.jsonl")


def test_a_cell_that_is_not_a_number_is_not_made_one():
    found = parse_record(b"x\n1e3\n-2\n1_000\n0x10\n1,5\n"[:16], "a.csv")
    assert found["columns"]["x"][:3] == [1000.0, -2, "1_000"]


def test_not_a_number_stays_one_so_that_no_claim_accepts_it():
    assert np.isnan(parse_record(b"x\nNaN\n", "a.csv")["columns"]["x"][0])


def test_parquet_gives_what_the_same_csv_gives():
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.table({"name": ["a", "b"], "x": [0.5, None]}), stream)
    assert parse_record(stream.getvalue(), "a.parquet") == parse_record(b"name,x\na,0.5\nb,\n", "a.csv")


def test_parquet_without_its_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(record_formats.LibraryMissing, match=r"pip install 'claimgate\[parquet\]'"):
        parse_record(b"PAR1", "a.parquet")


def test_arrays_give_values_and_shape():
    array, stream = np.arange(6.0).reshape(2, 3), io.BytesIO()
    np.save(stream, array)
    assert parse_record(stream.getvalue(), "a.npy") == {"values": [[0, 1, 2], [3, 4, 5]], "shape": [2, 3]}
    stream = io.BytesIO()
    np.savez(stream, one=array, two=np.array([True]))
    found = parse_record(stream.getvalue(), "a.npz")
    assert found["two"] == {"values": [True], "shape": [1]} and set(found) == {"one", "two"}


@pytest.mark.parametrize("name", ["a.json", "a.npy", "a.npz", "a.parquet"])
def test_what_is_not_what_its_name_says_is_refused(name):
    if name == "a.parquet":
        pytest.importorskip("pyarrow")
    for content in (b"", b"PK\x03\x04nothing", b"\x93NUMPY\x01\x00v\x00{'descr': 'O'}", b"\xff\xfe"):
        with pytest.raises(InputError):
            parse_record(content, name)


def test_objects_are_never_unpickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        parse_record(stream.getvalue(), "a.npy")


@pytest.mark.parametrize(
    ("record", "select"),
    [
        ("a.csv", "columns.x"),
        ("a.jsonl", "rows[].x"),
        ("deep/er/a.json", "x"),
        ("a.npy", "values[]"),
        ("a.npz", "x.values"),
    ],
)
def test_a_claim_reads_every_format_sealed(paper, record, select):
    stream = io.BytesIO()
    if record.endswith(".npy"):
        np.save(stream, np.array([1.0, 2.0, 4.5]))
    elif record.endswith(".npz"):
        np.savez(stream, x=np.array([1.0, 2.0, 4.5]))
    text = {"csv": b"x\n1\n2\n4.5\n", "json": b'{"x": [1, 2, 4.5]}', "jsonl": b'{"x": 1}\n{"x": 2}\n{"x": 4.5}'}.get(
        record.rpartition(".")[2]
    )
    paper.write(f"results/{record}", text or stream.getvalue())
    paper.claim(record, select, "2.50")
    assert paper.explained() == 0
    paper.claim(record, select, "2.51")
    assert paper.explained() == 1


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ("a.csv", "kind,x\nours,2\nours,\ntheirs,1\n"),
        ("a.jsonl", '{"kind": "ours", "x": 2}\n{"kind": "ours", "x": null}\n'),
        ("a.jsonl", '{"kind": "ours", "x": 2}\n{"kind": "ours", "X": 5}\n'),
        ("a.json", '{"rows": [{"kind": "ours", "x": 2}, {"kind": "ours"}]}'),
    ],
)
def test_a_mean_is_not_taken_over_those_rows_that_have_a_value(paper, capsys, record, text):
    paper.write(f"results/{record}", text)
    paper.claim(record, "rows[?kind=='ours'].x", "2.0")
    assert paper.explained() == 3
    assert f"{record}: rows[?kind=='ours'].x" in capsys.readouterr().out
    paper.claim(record, "rows[?kind=='ours' && x != null].x", "2.0")
    assert paper.explained() == 0


def test_an_archive_that_holds_a_name_twice_is_refused():
    stream, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([1.0]))
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", array.getvalue())
        archive.writestr("x.npy", array.getvalue())
    with pytest.raises(InputError, match="each array name once"):
        parse_record(stream.getvalue(), "a.npz")


def test_an_array_wider_than_float64_is_refused():
    stream = io.BytesIO()
    np.save(stream, np.array([np.nan], np.longdouble))
    with pytest.raises(InputError, match="up to float64"):
        parse_record(stream.getvalue(), "a.npy")


def test_a_number_of_a_map_in_parquet_is_looked_at():
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for number, holds in ((1.0, True), (float("nan"), False)):
        stream = io.BytesIO()
        kind = pa.map_(pa.string(), pa.float64())
        parquet.write_table(pa.table({"x": [1.0], "y": pa.array([[("a", number)]], kind)}), stream)
        assert is_finite(parse_record(stream.getvalue(), "a.parquet")) == holds


def test_sealing_does_not_wait_for_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(InputError, match="expected a regular file"):
        freeze(tmp_path)


def zipped(*members: tuple[str, bytes], declared: int | None = None, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members:
            archive.writestr(name, content)
    content = stream.getvalue()
    if declared is not None:  # as somebody writes it who does not want it to be seen
        true = len(members[0][1]).to_bytes(4, "little")
        assert content.count(true) >= 2
        content = content.replace(true, declared.to_bytes(4, "little"))
    return content


def array(shape: tuple, kind: str = "<f8", content: bytes = b"", order: bool = False) -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header = header.ljust(-(-(len(header) + 11) // 64) * 64 - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


LARGE = 9 * 2**20  # values: 72 MB, of which deflation leaves some 70 KB


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", lambda: zipped(("x.npy", array((LARGE,), content=bytes(8 * LARGE)))), "bytes unpacked"),
        (
            "a.npz",
            lambda: zipped(*((f"{n}.npy", array((LARGE // 4,), content=bytes(2 * LARGE))) for n in range(5))),
            "bytes unpacked",
        ),
        ("a.npz", lambda: zipped(("x.npy", array((LARGE,), content=bytes(8 * LARGE))), declared=500), "expected"),
        ("a.npz", lambda: zipped(("x.npy", array((2,), content=bytes(16))), kind=zipfile.ZIP_LZMA), "deflated"),
        ("a.npz", lambda: zipped(("x.npy", array((LARGE,), "|i1", bytes(LARGE)))), "values in a record"),
        ("a.npy", lambda: array((10**15,)), "as its header says"),
        ("a.npy", lambda: array((10**15, 0)), "values in a record"),
        ("a.npy", lambda: array((10**15,), "<U0"), "values in a record"),
        ("a.npy", lambda: array((2,), content=bytes(24)), "as its header says"),
        ("a.npy", lambda: array((-1, -2), content=bytes(16)), "does not parse"),
    ],
)
def test_what_unpacks_beyond_the_limit_is_refused_before_it_is_there(name, content, message):
    made = content()
    tracemalloc.start()
    with pytest.raises(InputError, match=message):
        parse_record(made, name)
    assert tracemalloc.get_traced_memory()[1] < 2.5 * record_formats.MAX_BYTES
    tracemalloc.stop()


def test_an_archive_below_the_limit_is_read_whole():
    values = np.arange(12.0).reshape(3, 4)
    stream = io.BytesIO()
    np.savez_compressed(stream, by_row=values, by_column=np.asfortranarray(values), none=np.zeros((2, 0)), one=3)
    found = parse_record(stream.getvalue(), "a.npz")
    assert found["by_row"]["values"] == found["by_column"]["values"] == values.tolist()
    assert found["none"] == {"values": [[], []], "shape": [2, 0]} and found["one"] == {"values": 3, "shape": []}


@pytest.mark.parametrize("n_rows", [2 * 10**6, 9 * 10**6])
def test_a_parquet_file_that_unpacks_beyond_the_limit_is_refused(n_rows):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, np.int32)), ["a text of many letters" * 100])
    stream = io.BytesIO()
    parquet.write_table(pa.table({"x": texts}), stream)
    assert len(stream.getvalue()) < 3 * 2**20
    with pytest.raises(InputError, match="unpacked"):
        parse_record(stream.getvalue(), "a.parquet")


def archive(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(("sizes", "fits"), [((5, 5), True), ((6, 5), False), ((5, 1, 5), False), ((4, 4, 2), True)])
def test_the_arrays_of_an_archive_are_counted_together(sizes, fits, monkeypatch):
    monkeypatch.setattr(array_files, "MAX_VALUES", 10)
    content = archive(**{f"a{i}": np.zeros(n) for i, n in enumerate(sizes)})
    if fits:
        assert [len(found["values"]) for found in parse_record(content, "a.npz").values()] == list(sizes)
    else:
        with pytest.raises(InputError, match=r"^a\.npz, a\d: expected"):
            parse_record(content, "a.npz")


def test_a_damaged_archive_is_named():
    with pytest.raises(InputError, match=r"^a\.npz"):
        parse_record(archive(a=np.zeros(3))[:-30], "a.npz")


def test_lists_of_texts_that_are_kept_once_are_refused():
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = pyarrow.array(["a", "b"]).dictionary_encode()
    lists = pyarrow.ListArray.from_arrays([0, 1, 2], texts)
    stream = io.BytesIO()
    parquet.write_table(pyarrow.table({"x": lists}), stream)
    with pytest.raises(InputError, match="expected lists of plain values"):
        parse_record(stream.getvalue(), "a.parquet")
