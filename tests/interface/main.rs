//! What users and maintainers see of the crate as a whole: its types and guards, its layers, and
//! whether the README, the documentation and the tables of tests tell the truth.

mod conformance;
mod documentation;
mod guards;
#[path = "../../benches/harness"]
#[allow(dead_code, unreachable_pub, reason = "the benchmarks use the rest")]
mod harness {
    pub(crate) mod cell;
    pub(crate) mod statistics;
}
mod layers;
mod poison;
#[cfg(feature = "serde")]
mod serialize;
mod statistics;
mod tables;
mod types;
mod values;
