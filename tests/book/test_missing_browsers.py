"""What the tests say where a browser is missing, in a place without any program."""

import pytest
from engines import firefox, webkit

SKIPPED, FAILED = pytest.skip.Exception, pytest.fail.Exception


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FIREFOX", raising=False)


def said(start, folder, outcome):
    """Return what is said by who cannot start a browser."""
    with pytest.raises(outcome) as raised, start(folder):
        pass
    return str(raised.value)


@pytest.mark.parametrize(("told", "outcome"), [("", SKIPPED), ("false", SKIPPED), ("true", FAILED)])
def test_without_firefox_tests_are_skipped_but_not_where_all_are_to_run(
    monkeypatch, tmp_path, told, outcome
):
    monkeypatch.setenv("CI", told)
    message = said(firefox, tmp_path, outcome)
    assert message.startswith("no Firefox found: install it (Debian: apt install firefox-esr)")
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("told", ["", "true"])
@pytest.mark.parametrize("there", [[], ["WebKitWebDriver"], ["Xvfb"]])
def test_without_webkit_or_its_screen_tests_are_skipped(monkeypatch, tmp_path, told, there):
    monkeypatch.setenv("CI", told)
    for name in there:
        (tmp_path / name).touch(mode=0o755)
    message = said(webkit, tmp_path, SKIPPED)
    missing = "Xvfb" if there == ["WebKitWebDriver"] else "WebKitWebDriver"
    assert message == f"no {missing} found (Debian: apt install webkit2gtk-driver xvfb)"


def test_a_firefox_that_is_none_is_no_missing_one(monkeypatch, tmp_path):
    monkeypatch.setenv("FIREFOX", str(tmp_path / "firefox"))
    with pytest.raises(ValueError, match=r"FIREFOX=.*firefox is no program that can be run"):
        said(firefox, tmp_path, SKIPPED)
