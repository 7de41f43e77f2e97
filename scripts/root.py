#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""A clean Debian 13 in a folder, and commands in it without network.

usage: root.py make DIR PACKAGE...
       root.py run DIR COMMAND...

`make` replaces DIR. Packages come from the archive that this machine's apt is configured for (scripts/debian.py). `run`
mounts what COMMAND needs in namespaces of its own, which end with it.

Exit status: that of COMMAND, or 77 when this machine cannot make a root.
"""
import os
import shutil
import subprocess
import sys

import debian

RELEASE = "trixie"
# With --mount, so that nothing stays mounted; loopback alone is left of the network.
ENTER = """
root=$1
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent LC_ALL=C.UTF-8 \
    ${SOURCE_DATE_EPOCH:+"SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH"} "$@"
"""


def make(folder, packages):
    if os.getuid() != 0:
        raise debian.Unavailable("only root can make a root")
    if not shutil.which("mmdebstrap"):
        raise debian.Unavailable("no mmdebstrap (scripts/deps.sh dist)")
    sources = debian.sources(RELEASE)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    done = subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(packages),
                           "--aptopt=APT::Install-Recommends false", RELEASE, folder, "-"], input=sources, text=True)
    if done.returncode:
        raise debian.Unavailable("mmdebstrap failed, see above")


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("make", "run"):
        raise SystemExit(__doc__.strip())
    action, folder, *rest = sys.argv[1:]
    if action == "run":
        os.execvp("unshare", ["unshare", "--mount", "--net", "sh", "-euc", ENTER, "sh", folder, *rest])
    try:
        make(folder, rest)
    except debian.Unavailable as why:
        print(why)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
