#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Packages of a Debian release, whichever Debian this machine is.

usage: debian.py RELEASE DIR PACKAGE...

Downloads the newest amd64 versions of packages into DIR, from the Debian archive that this machine's apt is configured
for, and from its security archive if there is one. The package lists are fetched into a temporary folder: nobody has to
be root, and the machine's pins and architecture make no difference; its proxy and passwords apply.

Exit status: 0, 77 when the packages cannot be had (no network, no apt, no archive, no keyring), 1 for anything else.
"""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

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


def sources(name):
    """A release's lines for a sources.list."""
    if not os.path.exists(KEYRING):
        raise Unavailable(f"no {KEYRING}: install the package debian-archive-keyring")
    # Other distributions and third parties have suites of the same names, but are of another origin.
    query = "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages", "Origin: Debian"
    listed = run("apt-get", *query)
    if not listed:
        # Maybe the machine has no lists, as a container that was made small.
        with tempfile.TemporaryDirectory() as folder:
            # apt fetches as a user of its own, who must be able to write there
            os.chmod(folder, 0o777)
            os.makedirs(os.path.join(folder, "lists", "partial"))
            config = os.path.join(folder, "apt.conf")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f'#clear APT::Update;\nDir::Cache "{folder}/cache";\nDir::State::Lists "{folder}/lists";\n')
            run("apt-get", "-c", config, "-qq", "update")
            listed = run("apt-get", "-c", config, *query)
    # As in the machine's sources.list, of several mirrors the first is asked.
    archives = dict(reversed([line.rsplit(" ", 1) for line in listed.splitlines()]))
    if "Debian" not in archives:
        raise Unavailable("there is no archive of Debian in apt's sources")
    suites = [(name, archives["Debian"])]
    if "Debian-Security" in archives:
        suites.append((name + "-security", archives["Debian-Security"]))
    return "".join(f"deb [signed-by={KEYRING} target=Packages] {archive} {suite} main\n" for suite, archive in suites)


class Release:
    """A release, by package lists of its own, which are kept in an empty folder."""

    def __init__(self, name, folder):
        self.folder = os.path.abspath(folder)
        self.config = os.path.join(self.folder, "apt.conf")
        lines = sources(name)
        os.makedirs(os.path.join(self.folder, "lists", "partial"))
        with open(os.path.join(self.folder, "sources.list"), "w", encoding="utf-8") as file:
            file.write(lines)
        with open(self.config, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(folder=self.folder))
        try:
            self.apt("apt-get", "-qq", "update")
        except Unavailable as why:
            raise Unavailable(f"{why} (the archive is that of apt's sources, a proxy that of http_proxy)") from None

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
        # as above
        os.chmod(folder, 0o777)
        yield Release(name, folder)


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__.strip())
    name, folder, *packages = sys.argv[1:]
    try:
        with release(name, folder) as found:
            for package in packages:
                shutil.move(found.download(package), folder)
    except Unavailable as why:
        print(f"debian.py: cannot get the packages: {why}", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
