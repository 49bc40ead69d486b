"""The repository's address, from the workflow that runs or from git's `origin`."""

import pytest
from repository import github_name, repository_address, web_address


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/me/lenet.git", "https://github.com/me/lenet"),
        ("https://github.com/me/lenet/", "https://github.com/me/lenet"),
        ("https://someone:secret@github.com/me/lenet", "https://github.com/me/lenet"),
        ("git@github.com:me/le.net.git", "https://github.com/me/le.net"),
        ("ssh://git@github.com/me/lenet.git", "https://github.com/me/lenet"),
        (
            "ssh://git@gitlab.example.org:2222/group/me/lenet",
            "https://gitlab.example.org/group/me/lenet",
        ),
        ("https://gitlab.com/group/sub/lenet.git", "https://gitlab.com/group/sub/lenet"),
        ("/srv/git/lenet.git", None),
        ("../lenet", None),
        ("file:///srv/github.com/me/lenet", None),
        ("https://example.org/me/lenet.git", None),
        ("https://notgithub.example/me/lenet", None),
        ("", None),
    ],
)
def test_remotes_become_web_addresses(origin, address):
    assert web_address(origin) == address


def test_the_workflow_names_the_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/lenet")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    assert repository_address(tmp_path) == "https://github.com/me/lenet"
    monkeypatch.delenv("GITHUB_REPOSITORY")
    assert repository_address(tmp_path) is None


def test_only_a_repository_on_github_has_a_name_there():
    assert github_name("https://github.com/me/lenet") == "me/lenet"
    for address in (None, "", "https://gitlab.com/me/lenet", "https://github.com/me"):
        assert github_name(address) is None
