//! Hand-built synchronization primitives.
