// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a section's name says of a program: its type, and what it attaches to.
//!
//! Source: libbpf `section_defs`, `find_sec_def`.

/// How a program finds what it attaches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attach {
    /// Not by a name in the section.
    Other,
    /// A kernel function, when it is loaded: `fentry/[module:]function`.
    Func,
    /// As [`Attach::Func`], and the kernel refuses it where it returns more than 8 bytes.
    FuncReturn,
    /// As [`Attach::FuncReturn`]; only functions that allow errors to be injected, and security hooks.
    ModifyReturn,
    /// A tracepoint, when it is loaded, by its type `btf_trace_NAME`.
    BtfTracepoint,
    /// A security hook, when it is loaded, by its function `bpf_lsm_NAME`.
    Lsm,
    /// An iterator, when it is loaded, by its function `bpf_iter_NAME`.
    Iter,
    /// A tracepoint, when it is attached, by its name.
    RawTracepoint,
    /// A trace event, when it is attached: `tp/CATEGORY/NAME`.
    TraceEvent,
    /// A kernel function, when it is attached: `kprobe/[module:]function[+offset]`.
    Kprobe,
    /// Kernel functions that match a pattern, when it is attached.
    Pattern,
    /// The function of a system call, when it is attached.
    Syscall,
    /// Another BPF program.
    Program,
    /// A member of a `struct_ops` map.
    StructOps,
}

/// An enumerator of `enum bpf_attach_type`, without `BPF_`, and whether the kernel is told of it when the program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachType {
    /// It has none, or kernels that do not know it load and attach it as well.
    None,
    /// It is, and refuses one that it does not know.
    AtLoad(&'static str),
    /// Not before it is attached, or a kernel that does not know it ignores it.
    AtAttach(&'static str),
    /// As [`AttachType::AtAttach`], for a link. `bpf_tc_attach()` does not need it.
    ByLink(&'static str),
}

/// What a section's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section<'n> {
    /// An enumerator of `enum bpf_prog_type`, without `BPF_PROG_TYPE_`.
    pub(super) prog_type: &'static str,
    pub(super) attach_type: AttachType,
    pub(super) attach: Attach,
    pub(super) is_sleepable: bool,
    /// What follows the first slash.
    pub(super) target: Option<&'n str>,
}

struct Row {
    /// Whether a slash and more may follow.
    takes_target: bool,
    name: &'static str,
    prog_type: &'static str,
    attach_type: AttachType,
    attach: Attach,
}

const fn row(name: &'static str, prog_type: &'static str, attach_type: AttachType) -> Row {
    Row { takes_target: false, name, prog_type, attach_type, attach: Attach::Other }
}

const fn with_target(name: &'static str, prog_type: &'static str, attach_type: AttachType, attach: Attach) -> Row {
    Row { takes_target: true, name, prog_type, attach_type, attach }
}

use Attach::{
    BtfTracepoint, Func, FuncReturn, Iter, Kprobe, Lsm, ModifyReturn, Other, Pattern, Program, RawTracepoint,
    StructOps, Syscall, TraceEvent,
};
use AttachType::{AtAttach, AtLoad, ByLink, None as NoType};

/// In alphabetical order. Those with a sleepable form: `SLEEPABLE`.
const ROWS: &[Row] = &[
    row("action", "SCHED_ACT", NoType),
    row("cgroup/bind4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET4_BIND")),
    row("cgroup/bind6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET6_BIND")),
    row("cgroup/connect4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET4_CONNECT")),
    row("cgroup/connect6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET6_CONNECT")),
    row("cgroup/connect_unix", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UNIX_CONNECT")),
    row("cgroup/dev", "CGROUP_DEVICE", AtAttach("CGROUP_DEVICE")),
    row("cgroup/getpeername4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET4_GETPEERNAME")),
    row("cgroup/getpeername6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET6_GETPEERNAME")),
    row("cgroup/getpeername_unix", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UNIX_GETPEERNAME")),
    row("cgroup/getsockname4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET4_GETSOCKNAME")),
    row("cgroup/getsockname6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_INET6_GETSOCKNAME")),
    row("cgroup/getsockname_unix", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UNIX_GETSOCKNAME")),
    row("cgroup/getsockopt", "CGROUP_SOCKOPT", AtLoad("CGROUP_GETSOCKOPT")),
    row("cgroup/post_bind4", "CGROUP_SOCK", AtLoad("CGROUP_INET4_POST_BIND")),
    row("cgroup/post_bind6", "CGROUP_SOCK", AtLoad("CGROUP_INET6_POST_BIND")),
    row("cgroup/recvmsg4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UDP4_RECVMSG")),
    row("cgroup/recvmsg6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UDP6_RECVMSG")),
    row("cgroup/recvmsg_unix", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UNIX_RECVMSG")),
    row("cgroup/sendmsg4", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UDP4_SENDMSG")),
    row("cgroup/sendmsg6", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UDP6_SENDMSG")),
    row("cgroup/sendmsg_unix", "CGROUP_SOCK_ADDR", AtLoad("CGROUP_UNIX_SENDMSG")),
    row("cgroup/setsockopt", "CGROUP_SOCKOPT", AtLoad("CGROUP_SETSOCKOPT")),
    row("cgroup/skb", "CGROUP_SKB", NoType),
    row("cgroup/sock", "CGROUP_SOCK", AtLoad("CGROUP_INET_SOCK_CREATE")),
    row("cgroup/sock_create", "CGROUP_SOCK", AtLoad("CGROUP_INET_SOCK_CREATE")),
    row("cgroup/sock_release", "CGROUP_SOCK", AtLoad("CGROUP_INET_SOCK_RELEASE")),
    row("cgroup/sysctl", "CGROUP_SYSCTL", AtAttach("CGROUP_SYSCTL")),
    row("cgroup_skb/egress", "CGROUP_SKB", AtLoad("CGROUP_INET_EGRESS")),
    row("cgroup_skb/ingress", "CGROUP_SKB", AtLoad("CGROUP_INET_INGRESS")),
    row("classifier", "SCHED_CLS", NoType),
    with_target("fentry", "TRACING", AtLoad("TRACE_FENTRY"), Func),
    with_target("fentry.multi", "TRACING", AtLoad("TRACE_FENTRY_MULTI"), Pattern),
    with_target("fexit", "TRACING", AtLoad("TRACE_FEXIT"), FuncReturn),
    with_target("fexit.multi", "TRACING", AtLoad("TRACE_FEXIT_MULTI"), Pattern),
    row("flow_dissector", "FLOW_DISSECTOR", AtAttach("FLOW_DISSECTOR")),
    with_target("fmod_ret", "TRACING", AtLoad("MODIFY_RETURN"), ModifyReturn),
    with_target("freplace", "EXT", NoType, Program),
    with_target("fsession", "TRACING", AtLoad("TRACE_FSESSION"), FuncReturn),
    with_target("fsession.multi", "TRACING", AtLoad("TRACE_FSESSION_MULTI"), Pattern),
    with_target("iter", "TRACING", AtLoad("TRACE_ITER"), Iter),
    with_target("kprobe", "KPROBE", NoType, Kprobe),
    with_target("kprobe.multi", "KPROBE", AtAttach("TRACE_KPROBE_MULTI"), Pattern),
    with_target("kprobe.session", "KPROBE", AtAttach("TRACE_KPROBE_SESSION"), Pattern),
    with_target("kretprobe", "KPROBE", NoType, Kprobe),
    with_target("kretprobe.multi", "KPROBE", AtAttach("TRACE_KPROBE_MULTI"), Pattern),
    with_target("kretsyscall", "KPROBE", NoType, Syscall),
    with_target("ksyscall", "KPROBE", NoType, Syscall),
    row("lirc_mode2", "LIRC_MODE2", AtAttach("LIRC_MODE2")),
    with_target("lsm", "LSM", AtLoad("LSM_MAC"), Lsm),
    with_target("lsm_cgroup", "LSM", AtLoad("LSM_CGROUP"), Lsm),
    row("lwt_in", "LWT_IN", NoType),
    row("lwt_out", "LWT_OUT", NoType),
    row("lwt_seg6local", "LWT_SEG6LOCAL", NoType),
    row("lwt_xmit", "LWT_XMIT", NoType),
    row("netfilter", "NETFILTER", AtLoad("NETFILTER")),
    row("netkit/peer", "SCHED_CLS", AtAttach("NETKIT_PEER")),
    row("netkit/primary", "SCHED_CLS", AtAttach("NETKIT_PRIMARY")),
    row("perf_event", "PERF_EVENT", NoType),
    with_target("raw_tp", "RAW_TRACEPOINT", NoType, RawTracepoint),
    with_target("raw_tp.w", "RAW_TRACEPOINT_WRITABLE", NoType, RawTracepoint),
    with_target("raw_tracepoint", "RAW_TRACEPOINT", NoType, RawTracepoint),
    with_target("raw_tracepoint.w", "RAW_TRACEPOINT_WRITABLE", NoType, RawTracepoint),
    row("sk_lookup", "SK_LOOKUP", AtLoad("SK_LOOKUP")),
    row("sk_msg", "SK_MSG", AtAttach("SK_MSG_VERDICT")),
    row("sk_reuseport", "SK_REUSEPORT", NoType),
    row("sk_reuseport/migrate", "SK_REUSEPORT", NoType),
    row("sk_skb", "SK_SKB", NoType),
    row("sk_skb/stream_parser", "SK_SKB", AtAttach("SK_SKB_STREAM_PARSER")),
    row("sk_skb/stream_verdict", "SK_SKB", AtAttach("SK_SKB_STREAM_VERDICT")),
    row("sk_skb/verdict", "SK_SKB", AtAttach("SK_SKB_VERDICT")),
    row("socket", "SOCKET_FILTER", NoType),
    row("sockops", "SOCK_OPS", AtAttach("CGROUP_SOCK_OPS")),
    with_target("struct_ops", "STRUCT_OPS", NoType, StructOps),
    row("syscall", "SYSCALL", NoType),
    row("tc", "SCHED_CLS", NoType),
    row("tc/egress", "SCHED_CLS", ByLink("TCX_EGRESS")),
    row("tc/ingress", "SCHED_CLS", ByLink("TCX_INGRESS")),
    row("tcx/egress", "SCHED_CLS", ByLink("TCX_EGRESS")),
    row("tcx/ingress", "SCHED_CLS", ByLink("TCX_INGRESS")),
    with_target("tp", "TRACEPOINT", NoType, TraceEvent),
    with_target("tp_btf", "TRACING", AtLoad("TRACE_RAW_TP"), BtfTracepoint),
    with_target("tracepoint", "TRACEPOINT", NoType, TraceEvent),
    with_target("uprobe", "KPROBE", NoType, Other),
    with_target("uprobe.multi", "KPROBE", AtAttach("TRACE_UPROBE_MULTI"), Other),
    with_target("uprobe.session", "KPROBE", AtAttach("TRACE_UPROBE_SESSION"), Other),
    with_target("uretprobe", "KPROBE", NoType, Other),
    with_target("uretprobe.multi", "KPROBE", AtAttach("TRACE_UPROBE_MULTI"), Other),
    with_target("usdt", "KPROBE", NoType, Other),
    row("xdp", "XDP", NoType),
    row("xdp.frags", "XDP", AtAttach("XDP")),
    row("xdp.frags/cpumap", "XDP", AtAttach("XDP_CPUMAP")),
    row("xdp.frags/devmap", "XDP", AtAttach("XDP_DEVMAP")),
    row("xdp/cpumap", "XDP", AtAttach("XDP_CPUMAP")),
    row("xdp/devmap", "XDP", AtAttach("XDP_DEVMAP")),
];

/// Names that `.s` makes sleepable.
const SLEEPABLE: &[&str] = &[
    "fentry",
    "fentry.multi",
    "fexit",
    "fexit.multi",
    "fmod_ret",
    "fsession",
    "fsession.multi",
    "iter",
    "lsm",
    "raw_tp",
    "raw_tracepoint",
    "struct_ops",
    "tp",
    "tp_btf",
    "tracepoint",
    "uprobe",
    "uprobe.multi",
    "uprobe.session",
    "uretprobe",
    "uretprobe.multi",
    "usdt",
];

impl<'n> Section<'n> {
    /// By a section's name without a question mark; `None` if libbpf does not know it.
    pub(super) fn of(name: &'n str) -> Option<Self> {
        let (kind, target) = match name.split_once('/') {
            Some((kind, target)) => (kind, Some(target)),
            None => (name, None),
        };
        let sleepable = kind.strip_suffix(".s").filter(|kind| SLEEPABLE.contains(kind));
        let kind = sleepable.unwrap_or(kind);
        let is_it = |row: &&Row| if row.takes_target { row.name == kind } else { row.name == name };
        let Row { prog_type, attach_type, attach, takes_target, .. } = ROWS.iter().find(is_it)?;
        Some(Self {
            prog_type,
            attach_type: *attach_type,
            attach: *attach,
            is_sleepable: sleepable.is_some() || *prog_type == "SYSCALL",
            target: target.filter(|target| *takes_target && !target.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_as_libbpf_knows_them() {
        let of = |name| Section::of(name).map(|section| (section.prog_type, section.attach, section.target));
        assert_eq!(of("kprobe"), Some(("KPROBE", Kprobe, None)));
        assert_eq!(of("kprobe/x+4"), Some(("KPROBE", Kprobe, Some("x+4"))));
        assert_eq!(of("tp/sched/switch"), Some(("TRACEPOINT", TraceEvent, Some("sched/switch"))));
        assert_eq!(of("fentry.s/nf_tables:x"), Some(("TRACING", Func, Some("nf_tables:x"))));
        assert_eq!(of("xdp.frags/devmap"), Some(("XDP", Other, None)));
        for unknown in ["kprobe.s/x", "xdp/", "xdp.s", "kprobes", "", "tc/", "cgroup/connect", "raw_tp.w.s/x"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        assert!(Section::of("lsm.s/file_open").is_some_and(|section| section.is_sleepable));
        assert!(ROWS.is_sorted_by_key(|row| row.name));
    }
}
