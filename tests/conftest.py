"""What all tests share: MNIST loaded once, a fixed seed, and no network."""

import socket

import pytest
import torch

from lenet_utils import load_mnist

LOCAL = ("127.", "localhost", "::1", "0.0.0.0")


@pytest.fixture(scope="session", autouse=True)
def _no_network():
    """Let no test of this process reach another machine; processes it starts are left alone."""

    def guarded(original):
        def connect(self, address):
            if isinstance(address, tuple) and not str(address[0]).startswith(LOCAL):
                raise OSError(f"a test tried to reach {address}: tests download nothing")
            return original(self, address)

        return connect

    def resolve(host, *arguments, **options):
        if host and not str(host).startswith(LOCAL):
            raise socket.gaierror(f"a test tried to look up {host}: tests download nothing")
        return look_up(host, *arguments, **options)

    look_up = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """The networks are small: threads that wait for each other cost more than they bring."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder of unpacked files, apart from the user's own; tests must not alter it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def mnist(cache):
    """All of MNIST as the papers scaled it, 32x32; tests must not alter it."""
    return load_mnist(cache=cache)
