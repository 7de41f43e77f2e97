# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Other machines: cross compilers build the libraries, qemu-user runs their tests. ARCH names some of them."""
import os

from runner import Step

# By Debian's name: Rust's target, the prefix of Debian's compiler, qemu's name.
MACHINES = {
    "arm64": ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu", "aarch64"),
    "armhf": ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf", "arm"),
    "riscv64": ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu", "riscv64"),
    "s390x": ("s390x-unknown-linux-gnu", "s390x-linux-gnu", "s390x"),
}


def machine(name):
    target, gnu, qemu = MACHINES[name]
    variable = target.upper().replace("-", "_")
    environment = f"""
export CARGO_TARGET_DIR=target/cross CARGO_PROFILE_DEV_DEBUG=0
export CARGO_TARGET_{variable}_LINKER={gnu}-gcc CARGO_TARGET_{variable}_RUNNER='qemu-{qemu} -L /usr/{gnu}'
"""
    needs = [f"gcc for {name}", "qemu-user"]
    target_step = f"cross, {name}, target"
    yield Step("cross", target_step, f"rustup target add {target} || {{ echo 'rustup cannot download {target}'; exit 77; }}",
               ["rustup"], ("deps, cross",), cpus=0, lock="install")
    # The tests of the command run it, which takes a kernel that runs programs of other machines.
    yield Step("cross", f"cross, {name}, Rust tests", environment + f"""
        $cargo test --locked --target {target} -p corelo -p corelo-capi --no-fail-fast""", needs, (target_step,),
               lock="target/cross")
    yield Step("cross", f"cross, {name}, C tests", environment + f"""
        export CARGO_PROFILE_RELEASE_LTO=off CARGO_BUILD_TARGET={target}
        make --no-print-directory lib OUT=target/cross/{name} CC={gnu}-gcc
        # ctests/log.c runs itself again, which takes a kernel that knows the machine.
        for test in ctests/abi ctests/btf ctests/check ctests/core_relo ctests/min_btf ctests/null ctests/object; do
            {gnu}-gcc $c_flags -Iinclude -o $out $test.c -Ltarget/cross/{name} -lcorelo
            qemu-{qemu} -L /usr/{gnu} -E LD_LIBRARY_PATH=target/cross/{name} $out
        done""", needs, (target_step,), lock="target/cross")


STEPS = [Step("cross", "deps, cross", "scripts/deps.sh cross || true", cpus=0, lock="install")]
for chosen in os.environ.get("ARCH", "").split() or MACHINES:
    STEPS += machine(chosen)
