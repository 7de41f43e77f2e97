// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause

mod hints;
mod reasons;

use std::collections::HashMap;

use crate::btf::build::{Build, Open as _};
use crate::btf::{Btf, TypeId};
use crate::budget::Budget;
use crate::bytes::Endian;
use crate::log::NoLog;
use crate::relo::{Candidate, Context, MemberIndex, ReloKind, Semantics, Spec, Tried, try_candidate};

/// Types by their text: `u32`, `struct sock*`, `u8[4]`, `fn2*`, `atomic_t`.
struct Types {
    build: Build,
    known: HashMap<String, TypeId>,
}

impl Types {
    fn new() -> Self {
        Self { build: Build::new(Endian::NATIVE), known: HashMap::new() }
    }

    fn ty(&mut self, text: &str) -> TypeId {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let id = if let Some(pointee) = text.strip_suffix('*') {
            let pointee = self.ty(pointee);
            self.build.ptr(pointee)
        } else if let Some((elem, nelems)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            let elem = self.ty(elem);
            self.build.array(elem, nelems.parse().unwrap())
        } else if let Some(name) = text.strip_prefix("struct ") {
            self.build.struct_(name, 0, &[])
        } else if let Some(name) = text.strip_prefix("enum ") {
            self.build.enum_(name, false, &[("A", 0)])
        } else if let Some(params) = text.strip_prefix("fn") {
            let int = self.ty("s32");
            self.build.func_proto(int, &vec![int; params.parse().unwrap()])
        } else {
            let bits = |text: &str| text.parse::<u32>().ok().map(|bits| bits / 8);
            match (text, text.get(1..).and_then(bits)) {
                ("void", _) => TypeId::VOID,
                ("bool", _) => self.build.int("_Bool", 1, 4),
                ("char", _) => self.build.int("char", 1, 1),
                (_, Some(size)) if text.starts_with('u') => self.build.int(text, size, 0),
                (_, Some(size)) => self.build.int(text, size, 1),
                // A typedef of an anonymous struct.
                _ => {
                    let anonymous = self.build.struct_("", 4, &[]);
                    self.build.typedef(text, anonymous)
                }
            }
        };
        self.known.insert(text.to_owned(), id);
        id
    }

    /// A struct of `u32 x @0, u32 y @32:3`.
    fn struct_of(&mut self, name: &str, members: &str) -> TypeId {
        let parse = |member: &str| {
            let (rest, at) = member.trim().rsplit_once(" @").unwrap();
            let (ty, name) = rest.rsplit_once(' ').unwrap();
            let (offset, bits) = at.split_once(':').unwrap_or((at, "0"));
            (ty.to_owned(), name.to_owned(), offset.parse().unwrap(), bits.parse().unwrap())
        };
        let members: Vec<(String, String, u32, u32)> = members.split(", ").map(parse).collect();
        let members: Vec<_> =
            members.iter().map(|(ty, name, offset, bits)| (name.as_str(), self.ty(ty), *offset, *bits)).collect();
        let id = self.build.bit_struct(name, 4096, &members);
        self.known.insert(format!("struct {name}"), id);
        id
    }

    fn btf(&self) -> Btf<'static> {
        self.build.btf()
    }
}

/// Takes the only candidate of a relocation through it.
fn with_candidate<R>(
    local: &mut Types,
    root: TypeId,
    access_str: &str,
    kind: ReloKind,
    (targ, id): (&Btf<'static>, TypeId),
    then: impl FnOnce(&Spec<'_, Btf<'static>>, &Btf<'static>, Tried<'_, Btf<'static>>) -> R,
) -> R {
    let relo = local.build.relo(kind, root, access_str);
    let local = local.btf();
    let budget = Budget::for_input(1 << 20);
    let spec = Spec::parse_within(&local, &relo, &budget).unwrap();
    let context = Context {
        place: &"",
        relo_idx: 0,
        semantics: Semantics::Libbpf,
        budget: &budget,
        member_index: &MemberIndex::default(),
        log: &NoLog,
    };
    let tried = try_candidate(&context, &spec, &Candidate { btf: targ, id, target: 0 }).unwrap();
    then(&spec, targ, tried)
}
