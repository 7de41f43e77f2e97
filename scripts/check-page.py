#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Uses the page of `corelo check` in headless Chromium: `check-page.py CORELO [--screenshot FILE ARGUMENT...]`.

Clicks, keys, filter and links, at two widths, with scripts and without; nothing may be requested from a network. With
--screenshot, instead, a picture of the page that these arguments of `corelo check` give.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OBJECTS = ["examples/offsets.bpf.o", "tests/check/programs.bpf.o", "--only", "offsets/*", "--only", "programs/relocates*"]
KERNELS = ["--config", "cli/tests/no-modules.config", "--btf", "tests/fixtures/target.el.o", "--btf", "examples/demo.btf"]
TIMEOUT = 60


class Browser:
    """Chromium with one page, over the pipe of its debugging protocol."""

    def __init__(self, profile):
        command_in, self.commands = os.pipe()
        self.events, events_out = os.pipe()

        def connect():
            # Chromium reads from 3 and writes to 4, whatever was there.
            one, other = os.dup(command_in), os.dup(events_out)
            os.dup2(one, 3)
            os.dup2(other, 4)

        self.process = subprocess.Popen(
            [shutil.which("chromium") or "chromium-browser", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect, close_fds=False, stderr=subprocess.DEVNULL)
        os.close(command_in)
        os.close(events_out)
        self.buffer, self.last, self.session = b"", 0, None
        self.requests, self.errors, self.loaded = [], [], 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Network", "Runtime", "Log":
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def receive(self):
        while b"\0" not in self.buffer:
            data = os.read(self.events, 1 << 16)
            if not data:
                raise RuntimeError("chromium has ended")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.errors.append(json.dumps(params))
        elif method == "Page.loadEventFired":
            self.loaded += 1
        return message

    def open(self, url):
        loaded = self.loaded
        # Of two addresses that differ after the #, the second loads nothing.
        self.call("Page.navigate", url="about:blank")
        while self.loaded == loaded:
            self.receive()
        loaded = self.loaded
        self.call("Page.navigate", url=url)
        while self.loaded == loaded:
            self.receive()

    def eval(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, selector):
        x, y = self.eval(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                         "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()")
        for kind in "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key, code):
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def size(self, width, height=800):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path):
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(picture))

    def close(self):
        self.process.terminate()
        self.process.wait()


# The texts of the reasons that can be seen.
REASONS = "[...document.querySelectorAll('tr.why li')].filter(e => e.checkVisibility()).map(e => e.innerText)"
ROWS = "[...document.querySelectorAll('tr[id]')].filter(e => e.checkVisibility()).map(e => e.id)"
FOCUS = "document.activeElement.closest('tr')?.id + ' ' + document.activeElement.closest('td')?.cellIndex"
ENTER, ESCAPE, LEFT, RIGHT, DOWN = ("Enter", 13), ("Escape", 27), ("ArrowLeft", 37), ("ArrowRight", 39), ("ArrowDown", 40)


def use(browser, url):
    """Yields what should be, and what is."""
    browser.open(url)
    yield "rows", ["offsets/pids", "offsets/state"], browser.eval(ROWS)
    yield "no reasons at first", [], browser.eval(REASONS)

    browser.click("tr[id='offsets/state'] td:nth-child(3) button")
    reasons = browser.eval(REASONS)
    yield "reasons of one cell", True, len(reasons) == 1 and reasons[0].startswith("core-relo-guarded")
    yield "link to the cell", "#offsets/state/demo", browser.eval("location.hash")
    browser.click("tr[id='offsets/state'] td:nth-child(2) button")
    reasons = browser.eval(REASONS)
    rules = [reason.split()[0] for reason in reasons]
    yield "reasons of another", ["core-relo-no-type", "core-relo-guarded"], rules
    browser.key(*ESCAPE)
    yield "closed by Escape", [], browser.eval(REASONS)
    yield "no link", "", browser.eval("location.hash")

    browser.key(*RIGHT)
    yield "to the right", "offsets/state 2", browser.eval(FOCUS)
    browser.key(*LEFT)
    yield "to the left", "offsets/state 1", browser.eval(FOCUS)
    browser.key(*ENTER)
    yield "opened by Enter", 2, len(browser.eval(REASONS))
    browser.key(*ENTER)
    yield "closed by Enter", 0, len(browser.eval(REASONS))

    browser.click("#all")
    yield "all rows", 7, len(browser.eval(ROWS))
    browser.key(*ESCAPE)
    browser.eval("document.querySelector(\"tr[id='offsets/state'] button\").focus()")
    browser.key(*DOWN)
    yield "down to the next button", "programs/relocates 1", browser.eval(FOCUS)
    browser.click("#filter")
    browser.call("Input.insertText", text="RELOCATES_by rodata")
    yield "filter", ["programs/relocates_by_rodata"], browser.eval(ROWS)

    browser.open(url + "#offsets/pids/target.el.o")
    reasons = browser.eval(REASONS)
    yield "link", True, len(reasons) == 2 and "task_struct.pid " in reasons[0]
    browser.open(url + "#programs/relocates_guarded/demo")
    yield "link to a row that is hidden", True, "guarded" in "".join(browser.eval(REASONS))
    browser.open(url + "#no/such/%zz")
    yield "wrong link", [], browser.eval(REASONS)


def use_without_scripts(browser, url):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(url)
    document = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]

    def visible(selector):
        found = browser.call("DOM.querySelectorAll", nodeId=document, selector=selector)["nodeIds"]
        count = 0
        for node in found:
            try:
                browser.call("DOM.getBoxModel", nodeId=node)
                count += 1
            except RuntimeError:
                pass
        return count
    yield "rows without scripts", 2, visible("tr[id]")
    yield "reasons to open without scripts", 2, visible("tr.why summary")
    yield "no filter without scripts", 0, visible("#filter")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)


def check(corelo, folder, browser):
    page = pathlib.Path(folder, "report.html")
    done = subprocess.run([corelo, "check", *OBJECTS, *KERNELS, "-o", page], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert done.returncode == 1, done
    url = page.as_uri()
    failed = count = 0
    for width in 1280, 400:
        browser.size(width)
        for scheme in "light", "dark":
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.open(url)
            dark = browser.eval("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
            facts = [(f"{scheme} background", scheme == "dark", dark),
                     ("nothing wider than the page", True, browser.eval("document.documentElement.scrollWidth <= innerWidth"))]
            for what, wanted, is_so in facts + (list(use(browser, url)) if scheme == "light" else []):
                count += 1
                if wanted != is_so:
                    failed += 1
                    print(f"{width} px: {what}: {is_so!r} instead of {wanted!r}")
        for what, wanted, is_so in use_without_scripts(browser, url):
            count += 1
            if wanted != is_so:
                failed += 1
                print(f"{width} px: {what}: {is_so!r} instead of {wanted!r}")
    elsewhere = {request for request in browser.requests if request.split("#")[0] not in (url, "about:blank")}
    for wrong in [*sorted(elsewhere), *browser.errors]:
        failed += 1
        print(f"unexpected: {wrong}")
    print(f"{count} facts of the page, {failed} wrong")
    return bool(failed or not count)


def screenshot(corelo, folder, browser, path, arguments):
    page = pathlib.Path(folder, "report.html")
    subprocess.run([corelo, "check", *arguments, "-o", page], stdout=subprocess.DEVNULL)
    browser.size(960, 560)
    browser.open(page.as_uri())
    browser.eval("document.querySelector('td button.bad').click()")
    browser.screenshot(path)


def main():
    corelo = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(f"{folder}/profile")
        try:
            if sys.argv[2:3] == ["--screenshot"]:
                return screenshot(corelo, folder, browser, sys.argv[3], sys.argv[4:])
            return check(corelo, folder, browser)
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
