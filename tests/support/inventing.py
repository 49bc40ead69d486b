"""Inputs that hypothesis invents: the same for everyone, and shrunk when one breaks a test."""

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

settings.register_profile(
    "lenet",
    deadline=None,  # a shared machine may stall for longer than any bound
    max_examples=60,
    derandomize=True,  # the same examples for everyone
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("lenet")

SIDES = st.integers(1, 9)
FINITE = st.floats(-1e6, 1e6, width=32)
SEEDS = st.integers(0, 2**32)


def floats(*shape, elements=None):
    elements = st.floats(-100, 100, width=32) if elements is None else elements
    return arrays(np.float32, shape, elements=elements).map(torch.from_numpy)


def random_input(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
