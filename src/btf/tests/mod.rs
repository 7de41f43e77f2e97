// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A module for each part of the format.

mod deferred;
mod ext;
mod fit;
mod header;
mod relocate;
mod split;
mod types;
mod view;
