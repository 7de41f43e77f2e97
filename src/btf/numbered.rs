// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Enums of a format's kinds, with their numbers and libbpf's names for them.

macro_rules! numbered {
    (
        $(#[$doc:meta])*
        pub enum $name:ident: $raw:ty { $($(#[$kind_doc:meta])* $kind:ident = $number:literal $text:literal,)* }
        $(#[$other_doc:meta])*
        else $other:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$kind_doc])* $kind,)*
            $(#[$other_doc])*
            $other($raw),
        }

        impl $name {
            /// The kind of this number.
            #[must_use]
            pub const fn from_raw(raw: $raw) -> Self {
                match raw {
                    $($number => Self::$kind,)*
                    other => Self::$other(other),
                }
            }

            /// The kind's number.
            #[must_use]
            pub const fn raw(self) -> $raw {
                match self {
                    $(Self::$kind => $number,)*
                    Self::$other(raw) => raw,
                }
            }

            /// The kind's name as libbpf prints it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)*
                    Self::$other(_) => "unknown",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
