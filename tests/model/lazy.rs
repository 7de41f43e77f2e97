// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! [`Lazy`] and [`FirstTime`] in every order of steps that threads can take.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

#[allow(dead_code, reason = "not all of it is tested here")]
#[path = "../../src/lazy.rs"]
mod lazy;

use lazy::{FirstTime, Lazy};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// A value that knows who made it, and is missed when it is never dropped.
#[derive(Debug)]
struct Made {
    by: usize,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn all_threads_get_the_value_of_one_of_them() {
    loom::model(|| {
        let (lazy, made, dropped) =
            (Arc::new(Lazy::new()), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ask = |by| {
            let (lazy, made, dropped) = (Arc::clone(&lazy), Arc::clone(&made), Arc::clone(&dropped));
            move || {
                let make = || {
                    made.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, ()>(Made { by, dropped })
                };
                let got = lazy.get_or_make(make).unwrap().by;
                assert_eq!(lazy.get().map(|made| made.by), Some(got), "what was there once stays");
                got
            }
        };
        let other = thread::spawn(ask(1));
        let got = ask(0)();
        assert_eq!(other.join().unwrap(), got);
        drop(lazy);
        let (made, dropped) = (made.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed));
        assert!((1..=2).contains(&made), "{made}");
        assert_eq!(made, dropped, "each value is dropped once, the one that was kept and those that were not");
    });
}

#[test]
fn what_failed_on_one_thread_is_made_by_another() {
    loom::model(|| {
        let lazy = Arc::new(Lazy::new());
        let failing = thread::spawn({
            let lazy = Arc::clone(&lazy);
            move || lazy.get_or_make(|| Err("no memory")).copied()
        });
        assert_eq!(lazy.get_or_make(|| Ok::<_, ()>(7)), Ok(&7));
        // It has either failed itself, or come after the one that did not.
        assert!(matches!(failing.join().unwrap(), Ok(7) | Err("no memory")));
        assert_eq!(lazy.get(), Some(&7));
    });
}

#[test]
fn the_first_time_is_that_of_one_thread() {
    loom::model(|| {
        let first = Arc::new(FirstTime::new());
        let others = [(); 2].map(|()| {
            let first = Arc::clone(&first);
            thread::spawn(move || first.is_now())
        });
        let mut answers = vec![first.is_now()];
        answers.extend(others.map(|other| other.join().unwrap()));
        assert_eq!(answers.iter().filter(|is_first| **is_first).count(), 1, "{answers:?}");
        assert!(!first.is_now());
    });
}
