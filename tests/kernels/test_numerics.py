"""What chose a record's kernels is noted, and records from before say that it is unknown."""

import pytest
import torch

from layercurv import cpu
from layercurv.kernels import numerics
from layercurv.page.tables import record_rows
from layercurv.results import schema
from layercurv.results.provenance import shown_numerics
from tests.records import smoke_record

INTEL = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu sse2 smep avx2 fma avx512_vnni erms\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm sve2 sme\n"


def with_numerics(**changes) -> dict:
    record = smoke_record()
    record["provenance"]["numerics"] = numerics("contiguous") | changes
    return record


@pytest.mark.parametrize(
    ("text", "extensions"),
    [(INTEL, ["avx2", "avx512_vnni", "fma", "sse2"]), (ARM, ["asimd", "sme", "sve2"]), ("", None)],
)
def test_vector_extensions_are_the_flags_kernels_are_chosen_by(tmp_path, monkeypatch, text, extensions):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu.vector_extensions() == extensions
    assert cpu.cpu_name() == (
        "Some CPU @ 2 GHz" if text == INTEL else cpu.platform.processor() or cpu.platform.machine()
    )


def test_without_cpuinfo_the_extensions_are_null_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "none")
    found = numerics("contiguous")
    assert found["vector_extensions"] is None and "cpuinfo" in found["missing"]["vector_extensions"]
    assert not schema.violations(with_numerics(), "alpha_map")


def test_what_chose_the_kernels_is_in_the_provenance(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = numerics("contiguous")
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["onednn"] in torch.__config__.show()
    assert "unknown" not in found["blas"]["torch"]
    assert found["environment"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert not schema.violations(with_numerics(), "alpha_map")


@pytest.mark.parametrize("changes", [{"memory_layout": "blocked"}, {"onednn": 3}, {"surprise": 1}, {"missing": None}])
def test_the_schema_refuses_other_numerics(changes):
    assert schema.violations(with_numerics(**changes), "alpha_map")


def test_a_record_without_them_is_valid_and_shown_as_unknown():
    old = smoke_record()
    assert not schema.violations(old, "alpha_map")
    assert shown_numerics(old["provenance"]) == "unknown"
    assert '<td data-label="kernels">unknown</td>' in record_rows([("a.json", old["provenance"], "0" * 64)])
    found = with_numerics(cpu_capability="AVX2", onednn=None)["provenance"]
    assert shown_numerics(found) == "AVX2, oneDNN unknown, contiguous"
