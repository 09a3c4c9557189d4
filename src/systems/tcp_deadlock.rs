//! tcp-deadlock.
