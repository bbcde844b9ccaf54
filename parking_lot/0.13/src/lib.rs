//! parking_lot 0.13's types and names over the locks of anteroom: see `anteroom-parking_lot`.

pub use anteroom_parking_lot::v0_13::*;
