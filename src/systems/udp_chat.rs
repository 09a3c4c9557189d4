//! udp-chat.
