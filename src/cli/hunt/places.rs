//! Where the proxy and the server of a run are, as its programs are told.

use crate::machine::Peer;

/// What a run is told of its addresses.
pub(super) struct Places {
    /// For each word in braces what it stands for.
    words: Vec<(String, String)>,
    pub(super) env: Vec<(String, String)>,
}

impl Places {
    pub(super) fn new(locals: &[Peer], server_port: Option<u16>) -> Self {
        let (mut words, mut env) = (Vec::new(), Vec::new());
        for (local, number) in locals.iter().zip(1..) {
            let (suffix, variable) = if number == 1 {
                (String::new(), String::new())
            } else {
                (number.to_string(), format!("_{number}"))
            };
            words.push((format!("{{addr{suffix}}}"), local.to_string()));
            env.push((format!("LOSSPROOF_ADDR{variable}"), local.to_string()));
            if let Some(port) = local.port() {
                words.push((format!("{{port{suffix}}}"), port.to_string()));
                env.push((format!("LOSSPROOF_PORT{variable}"), port.to_string()));
            }
        }
        if let Some(port) = server_port {
            words.push(("{server_port}".to_owned(), port.to_string()));
            env.push(("LOSSPROOF_SERVER_PORT".to_owned(), port.to_string()));
        }
        Self { words, env }
    }

    /// Words with addresses filled in.
    pub(super) fn fill(&self, words: &[String]) -> Vec<String> {
        let filled = |word: &String| {
            self.words.iter().fold(word.clone(), |word, (name, value)| word.replace(name, value))
        };
        words.iter().map(filled).collect()
    }
}
