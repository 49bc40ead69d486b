"""Publishing: one commit more on gh-pages, which holds the built files and nothing else."""

import shutil
import subprocess

import pytest
from building import ROOT


def git(*words, folder):
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a built book, and the remote it is published to."""
    here, remote = tmp_path / "a checkout", tmp_path / "remote.git"
    (here / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "publish", here / ".ci")
    git("init", "--quiet", "--bare", str(remote), folder=tmp_path)

    def publish(**files):
        html = here / "_build" / "html"
        shutil.rmtree(html, ignore_errors=True)
        html.mkdir(parents=True)
        (html / ".built").touch()
        for name, text in files.items():
            (html / f"{name}.html").write_text(text)
        command = [here / ".ci" / "publish", remote, "The book"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return git("ls-tree", "--name-only", "gh-pages", folder=remote).split()

    return publish, remote


def test_who_has_pulled_can_pull_again(checkout, tmp_path):
    publish, remote = checkout
    assert publish(intro="one", gone="x") == [".nojekyll", "gone.html", "intro.html"]
    reader = tmp_path / "reader"
    git("clone", "--quiet", "--branch", "gh-pages", str(remote), str(reader), folder=tmp_path)
    assert publish(intro="two") == [".nojekyll", "intro.html"]
    git("pull", "--quiet", "--ff-only", folder=reader)
    assert (reader / "intro.html").read_text() == "two"
    assert not (reader / "gone.html").exists()
    assert len(git("log", "--oneline", "gh-pages", folder=remote).splitlines()) == 2


def test_the_same_book_is_published_once(checkout):
    publish, remote = checkout
    publish(intro="one")
    publish(intro="one")
    assert len(git("log", "--oneline", "gh-pages", folder=remote).splitlines()) == 1
