"""Firefox and WebKit, driven over W3C's WebDriver by what each brings itself.

Firefox speaks WebDriver BiDi by itself. Playwright 1.65 does as well, but begins with a command
that the ESR (153) does not know, `emulation.setMediaFeaturesOverride`; Selenium wants geckodriver,
which Debian 12 has not. WebKitGTK comes with a driver, and wants a display, which Xvfb lends it.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket
from browsing import DESK, PATIENCE, without

__all__ = ["Engine", "firefox", "webkit"]

SECONDS = PATIENCE / 1000
FIREFOXES = ("firefox-esr", "firefox")


class Engine(ABC):
    """A browser with one page."""

    @abstractmethod
    def open(self, address: str) -> None:
        """Go to an address, and wait until the page has loaded."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """Return an expression of JavaScript, or what it promises, as JSON carries it."""

    @abstractmethod
    def perform(self, source: dict[str, Any]) -> None:
        """Do what WebDriver calls the actions of an input source."""

    def wait(self, condition: str) -> None:
        """Wait until a condition of JavaScript holds."""
        pause = "new Promise((next) => setTimeout(next, 20))"
        self.evaluate(f"(async () => {{ while (!({condition})) await {pause}; }})()")

    def stroke(self, kind: str, points: list[tuple[float, float]]) -> None:
        """Go with a ``mouse`` or finger (``touch``) along points of the window."""
        moves = [{"type": "pointerMove", "duration": 0, "x": x, "y": y} for x, y in points]
        down, up = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))
        actions = [moves[0], down, *moves[1:], up]
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}}
        self.perform({**pointer, "actions": actions})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as WebDriver calls them."""
        ways = itertools.product(keys, ("keyDown", "keyUp"))
        actions = [{"type": way, "value": key} for key, way in ways]
        self.perform({"type": "key", "id": "keyboard", "actions": actions})


class Firefox(Engine):
    """A Firefox that listens for WebDriver BiDi."""

    def __init__(self, address: str) -> None:
        # It refuses whoever comes from a page, as a header Origin would say.
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=SECONDS)
        self.numbers = itertools.count()
        self.ask("session.new", capabilities={})
        # The window that stands open has no focus (153), so that keys would press no button there.
        self.page = self.ask("browsingContext.create", type="window")
        self.ask("browsingContext.setViewport", **self.page, viewport=DESK)

    def ask(self, method: str, **params: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str) -> None:
        self.ask("browsingContext.navigate", **self.page, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        code = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        answer = self.ask("script.evaluate", expression=code, target=self.page, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def perform(self, source: dict[str, Any]) -> None:
        self.ask("input.performActions", **self.page, actions=[source])


class WebKit(Engine):
    """A WebKit behind its driver, which listens for WebDriver over HTTP."""

    def __init__(self, address: str) -> None:
        self.session = address
        opened = self.ask("session", capabilities={})
        self.session += f"session/{opened['sessionId']}/"
        self.ask("timeouts", script=PATIENCE, pageLoad=PATIENCE)
        self.ask("window/rect", **DESK)

    def ask(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(self.session + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]

    def open(self, address: str) -> None:
        self.ask("url", url=address)

    def evaluate(self, expression: str) -> Any:
        code = f"""const [done] = arguments;
            (async () => JSON.stringify(await ({expression})) ?? "null")()
                .then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));"""
        answer = self.ask("execute/async", script=code, args=[])
        assert "value" in answer, answer
        return json.loads(answer["value"])

    def perform(self, source: dict[str, Any]) -> None:
        self.ask("actions", actions=[source])


# --- Starting them -------------------------------------------------------------------------------


@contextmanager
def firefox(folder: Path, **preferences: bool) -> Iterator[Engine]:
    """Start a Firefox with a new profile in ``folder``; without one, skip or fail."""
    named = os.environ.get("FIREFOX")
    program = next(filter(None, map(shutil.which, [named] if named else FIREFOXES)), None)
    if named and not program:
        raise ValueError(f"FIREFOX={named} is no program that can be run")
    if not program:
        without("no Firefox found: install it (Debian: apt install firefox-esr), or set FIREFOX")
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items())
    (folder / "user.js").write_text("".join(lines))
    options = ("--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", "0")
    with running(folder / "firefox", program, *options) as said:
        yield Firefox(said(r"BiDi listening on (\S+)") + "/session")


@contextmanager
def webkit(folder: Path) -> Iterator[Engine]:
    """Start a WebKit that keeps to itself in ``folder``; without one, skip."""
    for program in ("WebKitWebDriver", "Xvfb"):
        if not shutil.which(program):
            pytest.skip(f"no {program} found (Debian: apt install webkit2gtk-driver xvfb)")
    with ExitStack() as stack:
        screen = ("Xvfb", "-displayfd", "1", "-nolisten", "tcp")
        display = stack.enter_context(running(folder / "screen", *screen))(r"(\d+)\n")
        port = free_port()
        own = {"DISPLAY": f":{display}", "HOME": str(folder)}
        driver = ("WebKitWebDriver", f"--port={port}")
        stack.enter_context(running(folder / "driver", *driver, **own))
        until(lambda: answers(port), "WebKitWebDriver listens")
        yield WebKit(f"http://127.0.0.1:{port}/")


@contextmanager
def running(log: Path, *command: str | Path, **own: str) -> Iterator[Callable[[str], str]]:
    """Run a program, and give a function that waits for what it says and returns the group."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **own}, stdout=output, stderr=subprocess.STDOUT
        )

    def said(pattern: str) -> str:
        def found() -> str | None:
            match = re.search(pattern, log.read_text())
            assert match or process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
            return match and match[1]

        return until(found, f"{command[0]} says {pattern}")

    try:
        yield said
    finally:
        process.terminate()
        process.wait(SECONDS)


def until(found: Callable[[], Any], what: str) -> Any:
    """Return what a function finds, once it finds something."""
    end = time.monotonic() + SECONDS
    while not (result := found()):
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)
    return result


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0
