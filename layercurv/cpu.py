"""The processor as the operating system tells it."""

import platform
import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Flags that numerical libraries choose kernels by: x86 (SSE to AMX) and ARM (Advanced SIMD, scalable vectors).
_VECTOR = re.compile(r"s?sse\w*|pni|avx\w*|fma\w*|f16c|amx\w*|asimd\w*|sve\w*|sme\d?")


def cpu_name() -> str:
    """Name the processor.

    Returns:
        The model name, or what Python knows where the system does not tell it.
    """
    return _field("model name") or platform.processor() or platform.machine()


def vector_extensions() -> list[str] | None:
    """List the vector instruction sets of the processor.

    Returns:
        Names as in `/proc/cpuinfo`, sorted ("avx2", "avx512f", "fma", ...); None where there is no such file.
    """
    flags = _field("flags") or _field("Features")
    return None if flags is None else sorted(flag for flag in flags.split() if _VECTOR.fullmatch(flag))


def _field(name: str) -> str | None:
    if not CPUINFO.is_file():
        return None
    match = re.search(rf"^{name}\s*: *(.*)$", CPUINFO.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return match and match[1].strip()
