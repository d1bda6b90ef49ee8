"""Outside, once for all tests of the battery."""

from collections.abc import Mapping

import pytest
from tests.verify.against import setting

from casemate.model.verification import Probe, Tried
from casemate.verify import catalogue, rehearse


@pytest.fixture(scope="session")
def rehearsed() -> Mapping[Probe, Tried]:
    """Do every act outside, once."""
    return rehearse(catalogue(), setting())
