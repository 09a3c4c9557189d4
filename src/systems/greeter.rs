//! greeter.
