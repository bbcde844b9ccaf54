//! [shared]: crate::shared
//! [`limits`]: crate::limits
//!
#![doc = include_str!("lifecycle.md")]
