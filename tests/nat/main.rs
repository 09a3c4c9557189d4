//! NATs between hosts, and hosts that move.

mod chat;
#[cfg(feature = "segments")]
mod connections;
#[cfg(feature = "segments")]
mod crossing;
mod facts;
mod moving;
mod probe;
mod punching;
mod search;
#[cfg(feature = "segments")]
mod segments;
mod streams;

/// Compares a text with the one in `snapshots/`.
fn assert_snapshot(name: &str, description: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
