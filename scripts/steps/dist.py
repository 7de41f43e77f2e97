# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""The tarball of a release, and packages built of it in clean roots without network."""
from runner import Step

ROOTS = "target/dist/build-root target/dist/use-root"
# The archive's clock, for what the tarball does not date.
PACKAGES = f"export SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)\npackaging/check-{{}}.sh target/dist/one/*.tar.xz {ROOTS}"


def packages(name, what):
    return Step("dist", f"dist, {name}", PACKAGES.format(what), after=("dist, tarball", "dist, roots"), cpus=2, lock="roots", timeout=3600)


STEPS = [
    # From two clones of one commit.
    Step("dist", "dist, tarball", """
        rm -rf target/dist/one target/dist/two $out
        scripts/dist.sh target/dist/one
        git clone --quiet --no-hardlinks . $out/longer/clone
        $out/longer/clone/scripts/dist.sh target/dist/two
        cmp target/dist/one/*.tar.xz target/dist/two/*.tar.xz
        rm -rf $out target/dist/two"""),
    Step("dist", "dist, deps", "scripts/deps.sh dist || true", cpus=0, lock="install"),
    Step("dist", "dist, roots", """
        build=$(sed -n '/^Build-Depends:/,/^[^ B]/s/^ \\([a-z0-9+-]*\\).*/\\1/p' packaging/debian/control)
        scripts/root.py make target/dist/build-root build-essential lintian rpm $build
        scripts/root.py make target/dist/use-root build-essential pkgconf rpm""", after=("dist, deps",)),
    packages("Debian", "deb"),
    packages("RPM", "rpm"),
]
