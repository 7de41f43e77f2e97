# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Runs a table of steps, as many at a time as there are processors, and counts what passed."""
import collections
import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "target/check")
# Exit status of a command that lacks something on this machine; the last line of its output is the reason.
SKIPPED = 77
# Lines of a log that are shown: summaries, skips of single cases, and counts of Rust tests.
SHOWN = re.compile(r"(SKIP |differential: libbpf|mutate: .* objects|parity:|threads: |kernels: |fuzz: |coverage: |modules: )")
RUST_RESULT = re.compile(r"^test result: .* (\d+) passed; \d+ failed; (\d+) ignored;", re.M)


@dataclasses.dataclass(frozen=True)
class Step:
    part: str
    name: str
    # For sh -eu, after scripts/stage.sh.
    command: str
    # Tools, by the names in TOOLS.
    needs: tuple = ()
    # Steps that must have passed.
    after: tuple = ()
    # Processors that it keeps busy; 0 for a download.
    cpus: int = 1
    # Steps with the same lock do not run at the same time: cargo's lock of a target directory, mostly.
    lock: str = ""
    timeout: int = 1800
    # A function that gets the log and returns why the step failed all the same.
    verify: object = None


def slug(name):
    """A step's name as that of its files."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "_", name)


class Runner:
    def __init__(self, steps, missing):
        """missing(tool) says why this machine cannot use a tool, or None."""
        self.waiting, self.missing = list(steps), missing
        self.running, self.failures, self.processes = {}, {}, set()
        self.passed = self.failed = self.skipped = self.forbidden = self.rust_tests = 0
        # Seconds of processor time by part.
        self.busy = collections.Counter()
        self.cpus = int(os.environ.get("JOBS") or os.cpu_count() or 1)
        self.changed = threading.Condition()
        self.started = time.time()

    def run(self):
        os.makedirs(os.path.join(LOGS, "bin"), exist_ok=True)
        with self.changed:
            try:
                while self.waiting or self.running:
                    if not self.start_one() and not self.changed.wait(60):
                        self.say("...  " + ", ".join(f"{name} ({time.time() - since:.0f} s)" for name, (_, since) in self.running.items()))
            except KeyboardInterrupt:
                for pid in self.processes:
                    os.killpg(pid, signal.SIGKILL)
                raise SystemExit(130) from None
        return self.summary()

    def start_one(self):
        """Starts or skips the first step of the table that can be; False where none can."""
        pending = {step.name for step in self.waiting} | set(self.running)
        running = [step for step, _ in self.running.values()]
        free = self.cpus - sum(step.cpus for step in running)
        locks = {step.lock for step in running if step.lock}
        for step in self.waiting:
            if pending.intersection(step.after) or step.lock in locks or min(step.cpus, self.cpus) > free:
                continue
            self.waiting.remove(step)
            why = next((self.failures[name] for name in step.after if name in self.failures), None)
            why = why or next((why for tool in step.needs if (why := self.missing(tool))), None)
            if why:
                self.skip(step, why)
            else:
                self.running[step.name] = step, time.time()
                threading.Thread(target=self.execute, args=[step], daemon=True).start()
            return True
        return False

    def execute(self, step):
        started, late = time.time(), threading.Event()
        path = os.path.join(LOGS, slug(step.name) + ".log")
        with open(path, "w", encoding="utf-8") as log:
            process = subprocess.Popen(["sh", "-euc", f". scripts/stage.sh\n{step.command}"], cwd=ROOT, start_new_session=True,
                                       env=dict(os.environ, out=f"target/check/bin/{slug(step.name)}"), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=subprocess.STDOUT)

            def kill():
                late.set()
                os.killpg(process.pid, signal.SIGKILL)

            timer = threading.Timer(step.timeout, kill)
            timer.daemon = True
            timer.start()
            self.processes.add(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
        with open(path, encoding="utf-8", errors="replace") as log:
            text = log.read()
        with self.changed:
            self.processes.discard(process.pid)
            del self.running[step.name]
            self.busy[step.part] += usage.ru_utime + usage.ru_stime
            self.finish(step, None if late.is_set() else process.returncode, text, time.time() - started)
            self.changed.notify()

    def finish(self, step, status, text, seconds):
        lines = text.splitlines()
        if status == SKIPPED:
            self.skip(step, lines[-1] if lines else "says not why")
            return
        failure = f"timeout of {step.timeout} s" if status is None else f"status {status}" if status else None
        failure = failure or (step.verify(text) if step.verify else None)
        counts = [(int(passed), int(ignored)) for passed, ignored in RUST_RESULT.findall(text)]
        self.rust_tests += sum(passed for passed, _ in counts)
        if ignored := sum(ignored for _, ignored in counts):
            lines.append(f"SKIP {step.name}: {ignored} ignored")
        if failure:
            self.failed += 1
            self.failures[step.name] = f"'{step.name}' failed"
            self.say(f"FAIL {step.name} ({failure}; {seconds:.0f} s)", *(f"     {line}" for line in lines[-200:]))
        else:
            self.passed += 1
            self.say(f"ok   {step.name} ({seconds:.0f} s)", *filter(SHOWN.match, lines))
        self.count_skips(step, sum(line.startswith("SKIP ") for line in lines))

    def skip(self, step, why):
        self.count_skips(step, 1)
        self.failures[step.name] = why
        self.say(f"SKIP {step.name}: {why}")

    def count_skips(self, step, count):
        self.skipped += count
        if not re.fullmatch(os.environ.get("CORELO_MAY_SKIP", ""), step.part):
            self.forbidden += count

    @staticmethod
    def say(*lines):
        print("\n".join(lines), flush=True)

    def summary(self):
        self.say("processor time: " + ", ".join(f"{part} {seconds:.0f} s" for part, seconds in self.busy.most_common()))
        self.say(f"check: {self.passed + self.rust_tests} passed ({self.rust_tests} Rust tests, {self.passed} others), "
                 f"{self.skipped} skipped, {self.failed} failed; {time.time() - self.started:.0f} s")
        if not self.passed + self.failed:
            print("check: nothing was run", file=sys.stderr)
        elif self.forbidden and os.environ.get("CORELO_NO_SKIP") == "1":
            print("check: CORELO_NO_SKIP=1: a skip is a failure", file=sys.stderr)
        else:
            return self.failed > 0
        return 1
