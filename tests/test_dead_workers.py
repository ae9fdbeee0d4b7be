"""A test that aborts or hangs below Python ends `make test`, with its name."""

import re
import subprocess

TESTS = {
    "test_a.py": "import os\n\ndef test_aborts():\n    os.abort()\n",
    "test_b.py": "import ctypes\n\ndef test_hangs():\n    ctypes.PyDLL(None).pause()  # Python's lock is held\n",
}


def test_dead_and_hanging_workers_end_the_run_with_their_names(root, python, tmp_path):
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    options = re.search(r"^TESTS := .* -m pytest (.*)$", (root / "Makefile").read_text(), flags=re.M)[1]
    options = options.replace("auto", "2").split()
    settings = ["-c", f"{root}/pyproject.toml", "--rootdir", str(tmp_path), "-o", "faulthandler_timeout=3"]
    command = [python, "-m", "pytest", *options, *settings, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "gw2" not in done.stdout  # no new worker meets the same test again
    for name in ("test_a.py::test_aborts", "test_b.py::test_hangs"):
        assert re.search(rf"worker 'gw\d' crashed while running '{name}'", done.stdout), done.stdout
