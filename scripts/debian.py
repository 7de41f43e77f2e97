#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Packages of a Debian release, whichever Debian this machine is.

usage: debian.py RELEASE DIR PACKAGE...

Downloads the newest amd64 versions of packages, security updates included, into DIR. The package lists are fetched for
it, and are gone afterwards: nobody has to be root, and neither this machine's lists nor its pins nor its architecture
make a difference. Its proxy and passwords do hold, and where its sources name a mirror of Debian, that is asked.

Exit status: 0, 3 when the packages cannot be had (no network, no apt, no keyring), 1 for anything else.
"""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Where a release is and where its security updates are, if this machine's sources don't say.
ARCHIVES = {"updates": "http://deb.debian.org/debian", "security": "http://deb.debian.org/debian-security"}
# Other distributions have suites called -updates and -security, too, but not of these releases.
SUITE = re.compile(r"'(\S+)/dists/(?:bullseye|bookworm|trixie|forky)-(updates|security)/InRelease' ")

# Read after all that the machine has set. What that runs after an update may need root.
CONFIG = """\
#clear APT::Architectures;
#clear APT::Default-Release;
#clear APT::Update;
APT::Architecture "amd64";
APT::Update::Error-Mode "any";
Dir::Cache "{folder}/cache";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "/dev/null";
"""


class Unavailable(Exception):
    """The packages cannot be had here."""


def run(*command, cwd=None):
    # error messages are looked into, in one language
    env = dict(os.environ, LC_ALL="C")
    try:
        done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable(f"no {command[0]}: not a Debian; what is wanted can be copied from one") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("E:")]
        raise Unavailable(f"{command[0]}: {(errors or lines or ['failed'])[0]}")
    return done.stdout


class Release:
    """A release, by package lists of its own, which are kept in an empty folder."""

    def __init__(self, name, folder):
        self.folder = os.path.abspath(folder)
        self.config = os.path.join(self.folder, "apt.conf")
        archives = dict(ARCHIVES)
        for archive, kind in SUITE.findall(run("apt-get", "--print-uris", "update")):
            archives[kind] = archive
        if not os.path.exists(KEYRING):
            raise Unavailable(f"no {KEYRING}: install the package debian-archive-keyring")
        os.makedirs(os.path.join(self.folder, "lists", "partial"))
        with open(os.path.join(self.folder, "sources.list"), "w", encoding="utf-8") as sources:
            for suite, kind in (name, "updates"), (name + "-security", "security"):
                sources.write(f"deb [signed-by={KEYRING} target=Packages] {archives[kind]} {suite} main\n")
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(folder=self.folder))
        try:
            self.apt("apt-get", "-qq", "update")
        except Unavailable as why:
            raise Unavailable(f"{why} (a mirror is taken from apt's sources, a proxy from http_proxy)") from None

    def apt(self, tool, *args):
        return run(tool, "-c", self.config, *args, cwd=self.folder)

    def download(self, package):
        """The path of a package, which is downloaded into the folder."""
        self.apt("apt-get", "-qq", "download", package)
        debs = [name for name in os.listdir(self.folder) if name.startswith(package + "_") and name.endswith(".deb")]
        if len(debs) != 1:
            raise Unavailable(f"apt-get download {package}: no package came")
        return os.path.join(self.folder, debs[0])


@contextlib.contextmanager
def release(name, parent):
    """A release in a temporary folder, with which all that was downloaded goes."""
    with tempfile.TemporaryDirectory(prefix=name + ".", dir=parent) as folder:
        # apt fetches as a user of its own, who must be able to write there
        os.chmod(folder, 0o777)
        yield Release(name, folder)


def main():
    if len(sys.argv) < 4 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    name, folder, packages = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        with release(name, folder) as found:
            for package in packages:
                shutil.move(found.download(package), folder)
    except Unavailable as why:
        print(f"debian.py: cannot get the packages: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
