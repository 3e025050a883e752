"""A headless Chromium that loads a page and says what it asked for, logged and measured."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0
"""Longest wait for an answer. [s]"""


class Seen(NamedTuple):
    """What a page did."""

    requests: list[str]
    """Addresses that were asked for."""
    messages: list[str]
    """Lines of the console, exceptions and warnings of the browser."""
    measured: Any
    """Value of the expression."""


def find_browser() -> str | None:
    """The first browser that is installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One process of the browser, spoken to over a pair of pipes."""

    def __init__(self, profile: Path) -> None:
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        # the browser reads commands from descriptor 3 and answers on 4
        line = f'exec "$@" 3<&{to_child} 4>&{from_child}'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        options += ["--no-first-run", "--disable-background-networking"]
        self._child = subprocess.Popen(
            ["bash", "-c", line, "bash", find_browser() or "", *options,
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_child, from_child),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        os.set_blocking(self._in, False)
        self._rest, self._number, self.events = b"", 0, []

    def look(self, page: Path, width: int, expression: str) -> Seen:
        """Load a page at a width and evaluate an expression in it."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable", session)
        size = {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True}
        self._ask("Emulation.setDeviceMetricsOverride", session, **size)
        self.events.clear()
        self._ask("Page.navigate", session, url=page.as_uri())
        self._wait_for("Page.loadEventFired")
        found = self._ask("Runtime.evaluate", session, expression=expression, returnByValue=True)[
            "result"
        ]
        return Seen(self._requests(), self._messages(), found.get("value"))

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.wait()
        os.close(self._in)
        os.close(self._out)

    def _requests(self) -> list[str]:
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _messages(self) -> list[str]:
        names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in names]

    def _ask(self, method: str, session: str | None = None, **options: Any) -> dict[str, Any]:
        self._number += 1
        order: dict[str, Any] = {"id": self._number, "method": method, "params": options}
        order |= {"sessionId": session} if session else {}
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            if "method" in message:
                self.events.append(message)

    def _wait_for(self, method: str) -> None:
        while not any(event["method"] == method for event in self.events):
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            assert time.monotonic() < until, "the browser does not answer"
            try:
                self._rest += os.read(self._in, 1 << 20)
            except BlockingIOError:
                time.sleep(0.02)
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)
