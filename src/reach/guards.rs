// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which variables in `.rodata` guard an instruction.

use std::collections::BTreeSet;
use std::iter::repeat_n;

use super::code::{Code, Ref, Variable};
use super::flow::Flow;
use super::propagate::{Globals, Rodata, reached};
use super::state::Value;
use crate::bytes::index;
use crate::error::Result;
use crate::memory::collected;

/// Variables that are tried: each takes two runs.
const MAX_TRIED: usize = 32;
/// Variables of one instruction.
const MAX_GUARDS: usize = 3;

/// Variables by their numbers, for each of these instructions, which are dead by `.rodata`: those of which one alone keeps the
/// verifier off. Where there is none, those that open a way if they alone are changed.
pub(super) fn guards(code: &Code<'_>, flow: &Flow, pcs: &[u32]) -> Result<Vec<Vec<usize>>> {
    let mut guards = collected(repeat_n(Vec::new(), pcs.len()))?;
    let is_data = |reference: &Ref| match reference {
        Ref::Value(Value::Data { block, off }) => Some((*block, *off)),
        _ => None,
    };
    let loads: BTreeSet<_> = code.refs.iter().filter_map(is_data).collect();
    let is_referred_to = |Variable { block, range, .. }: &Variable<'_>| {
        range.start <= range.end && loads.range((*block, range.start)..(*block, range.end)).next().is_some()
    };
    for opens in [false, true] {
        let is_sought: Vec<_> = guards.iter().map(|guards: &Vec<_>| guards.is_empty()).collect();
        let variables = code.variables.iter().enumerate().filter(|(_, variable)| is_referred_to(variable));
        for (number, variable) in variables.take(MAX_TRIED) {
            let rodata = if opens { Rodata::Except(variable) } else { Rodata::Only(variable) };
            let Some(reached) = reached(code, flow, rodata, Globals::All)? else { return Ok(guards) };
            for ((pc, guards), is_sought) in pcs.iter().zip(&mut guards).zip(&is_sought) {
                let is_reached = reached.insns.get(index(*pc)).copied().unwrap_or(true);
                if *is_sought && is_reached == opens && guards.len() < MAX_GUARDS {
                    guards.push(number);
                }
            }
        }
    }
    Ok(guards)
}
