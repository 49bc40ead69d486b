"""The repository's address, from the workflow that runs or from git's `origin`."""

import subprocess
from types import SimpleNamespace

import pytest
from repository import github_name, link_repository, repository_address, web_address


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
        ("git@codeberg.org:me/lenet.git", "https://codeberg.org/me/lenet"),
        ("ssh://git@gitea.example.org:3022/me/lenet", "https://gitea.example.org/me/lenet"),
        ('https://github.com/me/le"net', None),
        ("https://github.com/me/lenet;touch x", None),
        ("https://github.com/me/$(id)", None),
        ("git@github.com:me/le net.git", None),
        ("https://github.com/me/größe", None),
        ("https://github.com/me", None),
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


@pytest.mark.parametrize(
    ("name", "address"),
    [("me/lenet", "https://github.com/me/lenet"), ("me/le net", None), ('me/"><i>', None)],
)
def test_the_workflows_name_is_checked_as_a_remote_is(tmp_path, monkeypatch, name, address):
    monkeypatch.setenv("GITHUB_REPOSITORY", name)
    assert repository_address(tmp_path) == address


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("github.com", (True, True)),
        ("codeberg.org", (True, False)),
        ("example.org", (False, False)),
    ],
)
def test_the_theme_gets_only_buttons_that_lead_somewhere(tmp_path, monkeypatch, name, buttons):
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/lenet")
    monkeypatch.setenv("GITHUB_SERVER_URL", f"https://{name}")
    config = SimpleNamespace(html_theme_options={})
    link_repository(SimpleNamespace(srcdir=tmp_path), config)
    options = config.html_theme_options
    assert (options["use_repository_button"], options["use_edit_page_button"]) == buttons


def test_a_worktree_has_the_address_of_its_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    main, tree = tmp_path / "main copy", tmp_path / "it's a tree"

    def git(*words):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *author, *words], cwd=main, check=True, capture_output=True)

    main.mkdir()
    git("init", "--quiet")
    git("remote", "add", "origin", "git@github.com:me/lenet.git")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    git("worktree", "add", "--detach", str(tree))
    assert (tree / ".git").is_file()
    assert repository_address(tree) == "https://github.com/me/lenet"
