//! tcp-chat.
