"""What most tests of trainings begin with: a set and a model so small that it takes moments."""

import pytest
from toy import make_digits, make_model


@pytest.fixture
def digits():
    return make_digits()


@pytest.fixture
def model():
    return make_model()
