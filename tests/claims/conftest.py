import pytest

from tests.claims.house import build_house


@pytest.fixture
def house(tmp_path):
    """A folder with two frozen records and one right claim on them."""
    return build_house(tmp_path)
