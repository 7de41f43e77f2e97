// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A kernel with all that the programs need, but for what it is made without.

use corelo_testing::btf::Btf;

/// Types by their names.
pub(crate) struct Kernel<'w> {
    btf: Btf,
    without: &'w [&'w str],
}

/// Name, prefix of the enumerators, and they.
type Enum = (&'static str, &'static str, &'static [(&'static str, i64)]);

const ENUMS: [Enum; 4] = [
    ("bpf_func_id", "BPF_FUNC_", &[("map_lookup_elem", 1), ("probe_read", 4), ("ktime_get_ns", 5)]),
    (
        "bpf_prog_type",
        "BPF_PROG_TYPE_",
        &[
            ("KPROBE", 2),
            ("SCHED_CLS", 3),
            ("TRACEPOINT", 5),
            ("XDP", 6),
            ("RAW_TRACEPOINT", 17),
            ("CGROUP_SOCK_ADDR", 18),
            ("SK_REUSEPORT", 21),
            ("TRACING", 26),
            ("STRUCT_OPS", 27),
            ("EXT", 28),
            ("LSM", 29),
            ("SYSCALL", 31),
        ],
    ),
    (
        "bpf_attach_type",
        "BPF_",
        &[
            ("CGROUP_INET4_BIND", 8),
            ("TRACE_RAW_TP", 23),
            ("TRACE_FENTRY", 24),
            ("TRACE_FEXIT", 25),
            ("MODIFY_RETURN", 26),
            ("LSM_MAC", 27),
            ("TRACE_ITER", 28),
            ("TRACE_KPROBE_MULTI", 42),
            ("TCX_INGRESS", 46),
        ],
    ),
    (
        "bpf_map_type",
        "BPF_MAP_TYPE_",
        &[("HASH", 1), ("ARRAY_OF_MAPS", 12), ("STRUCT_OPS", 26), ("USER_RINGBUF", 31), ("ARENA", 33)],
    ),
];

impl<'w> Kernel<'w> {
    pub(crate) fn without(without: &'w [&'w str]) -> Btf {
        let mut this = Self { btf: Btf::little(), without };
        this.add_functions();
        this.add_enums();
        this.add_structs();
        this.btf
    }

    fn has(&self, name: &str) -> bool {
        !self.without.contains(&name)
    }

    fn func(&mut self, name: &str, returns: u32, params: &[u32]) {
        if self.has(name) {
            let proto = self.btf.func_proto(returns, params);
            self.btf.func(name, proto);
        }
    }

    fn add_functions(&mut self) {
        let int = self.btf.int32();
        let large = self.btf.int("__int128", 16, 1);
        let large_struct = self.btf.struct_("large_struct", 24, &[("x", int, 0)]);
        let pointer = self.btf.ptr(0);
        self.func("traced", int, &[int, int]);
        self.func("returns_nothing", 0, &[int]);
        self.func("returns_large", large, &[int]);
        self.func("takes_struct", int, &[int, large_struct]);
        self.func("takes_many", int, &[int; 13]);
        let small_struct = self.btf.struct_("small_struct", 16, &[("x", int, 0)]);
        self.func("takes_six", int, &[int; 6]);
        self.func("takes_seven_registers", int, &[int, int, int, int, int, small_struct]);
        self.func("takes_nine", int, &[int; 9]);
        self.func("variadic", int, &[int, 0]);
        self.func("twice", int, &[int]);
        self.func("twice", int, &[int]);
        self.func("security_hook", int, &[int]);
        self.func("bpf_lsm_hook", int, &[int]);
        self.func("bpf_lsm_ismaclabel", int, &[pointer]);
        self.func("bpf_iter_thing", int, &[pointer]);
        for name in ["proven", "probed", "__x64_sys_call", "perf_syscall_enter"] {
            self.func(name, int, &[]);
        }
        if self.has("event") {
            let proto = self.btf.func_proto(0, &[pointer, int]);
            let pointer = self.btf.ptr(proto);
            self.btf.typedef("btf_trace_event", pointer);
        }
    }

    /// An enumerator `name=other` among what there is not has the name `other`.
    fn add_enums(&mut self) {
        for (name, prefix, values) in ENUMS {
            let mut enumerators = Vec::new();
            for (value, number) in values.iter().filter(|(value, _)| self.has(value)) {
                let renamed = self.without.iter().find_map(|name| name.strip_prefix(value)?.strip_prefix('='));
                enumerators.push((format!("{prefix}{}", renamed.unwrap_or(value)), *number));
            }
            enumerators.push((format!("__MAX_{name}"), enumerators.last().map_or(0, |(_, number)| *number) + 1));
            let enumerators: Vec<_> = enumerators.iter().map(|(name, number)| (&**name, *number)).collect();
            if self.has(name) {
                self.btf.enum_(name, false, &enumerators);
            }
        }
    }

    /// The program types that the kernel is built with.
    fn add_built_in(&mut self, pointer: u32) {
        let [_, (_, prefix, values), ..] = ENUMS;
        let members = values.iter().map(|(name, _)| format!("{name}_prog")).filter(|name| self.has(name));
        let members: Vec<_> = members.map(|name| format!("{prefix}{name}")).collect();
        let members: Vec<_> = (0..).zip(&members).map(|(at, name)| (&**name, pointer, at * 64)).collect();
        if self.has("bpf_ctx_convert") {
            self.btf.struct_("bpf_ctx_convert", 1024, &members);
        }
    }

    fn add_structs(&mut self) {
        let int = self.btf.int32();
        let unsigned = self.btf.int("unsigned int", 4, 0);
        let members = [("kept", int, 0), ("gone", int, 32)];
        let members: Vec<_> = members.into_iter().filter(|(name, ..)| self.has(name)).collect();
        self.btf.struct_("thing", 8, &members);
        if self.has("nowhere") {
            self.btf.struct_("nowhere", 8, &[("member", int, 0)]);
        }
        if self.has("bpf_timer") {
            self.btf.struct_("bpf_timer", 16, &[]);
        }
        let pointer = self.btf.ptr(0);
        self.add_built_in(pointer);
        let init = self.btf.func_proto(int, &[]);
        let init = self.btf.ptr(init);
        let wide = self.btf.int("long long", 8, 1);
        let flags = if self.has("flags=wide") { int } else { wide };
        let flags = if self.has("flags=pointer") { flags } else { init };
        let other = self.btf.enum_("kind", false, &[("KIND", 1)]);
        let kind = if self.has("kind=enum") { unsigned } else { other };
        let members = [("init", init, 0), ("flags", flags, 64), ("unset", int, 128), ("kind", kind, 160)];
        let members: Vec<_> = members.into_iter().filter(|(name, ..)| self.has(name)).collect();
        if self.has("ops") {
            let ops = self.btf.struct_("ops", 32, &members);
            if self.has("bpf_struct_ops_ops") {
                self.btf.struct_("bpf_struct_ops_ops", 64, &[("data", ops, 0)]);
            }
        }
    }
}
