//! The rows of the specification, and for each a test that holds it.
//!
//! A test says which rows it holds in the first line of its doc comment (`/// S21, S22.`). The table names one of them
//! for each row; `every_row_has_its_test` fails with a row whose test is not there, or does not say that it holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each row, the file of its test, and the test.
const ROWS: &[(&str, &str, &str)] = &[
    ("S01", "tests/sockets/udp_local.rs", "udp_local_answers_every_length"),
    ("S02", "tests/sockets/udp_local.rs", "udp_local_answers_every_length"),
    ("S03", "tests/sockets/udp_local.rs", "udp_local_asks_once_and_takes_one_reply"),
    ("S04", "tests/sockets/udp_local.rs", "udp_local_asks_once_and_takes_one_reply"),
    ("S05", "tests/sockets/udp_local.rs", "udp_local_answers_every_length"),
    ("S06", "tests/sockets/udp_local.rs", "udp_local_prints_what_is_not_text_escaped"),
    ("S07", "tests/sockets/udp_local.rs", "udp_local_ignores_other_sources"),
    ("S08", "tests/sockets/udp_local.rs", "udp_local_waits_within_bounds"),
    ("S09", "tests/sockets/udp_remote.rs", "udp_remote_answers_without_drops"),
    ("S10", "tests/sockets/udp_remote.rs", "udp_remote_answers_without_drops"),
    ("S11", "tests/sockets/udp_remote.rs", "udp_remote_asks_until_it_is_answered"),
    ("S12", "tests/sockets/udp_remote.rs", "udp_remote_keeps_its_schedule_and_gives_up"),
    ("S13", "tests/sockets/udp_remote.rs", "udp_remote_asks_until_it_is_answered"),
    ("S14", "tests/sockets/udp_remote.rs", "udp_remote_keeps_its_schedule_and_gives_up"),
    ("S15", "tests/sockets/udp_remote.rs", "udp_remote_never_sees_other_sources"),
    ("S16", "tests/sockets/udp_remote.rs", "udp_remote_finds_a_late_server"),
    ("S17", "tests/sockets/udp_remote.rs", "udp_remote_repeats_the_id"),
    ("S18", "tests/sockets/udp_broadcast.rs", "one_broadcast_reaches_every_listener"),
    ("S19", "tests/sockets/udp_broadcast.rs", "the_server_tells_what_it_hears_and_never_answers"),
    ("S20", "tests/sockets/udp_broadcast.rs", "without_the_option_the_system_refuses"),
    ("S21", "tests/sockets/tcp_sixteen.rs", "sixteen_bytes_are_read_however_they_come"),
    ("S22", "tests/sockets/tcp_sixteen.rs", "a_client_is_served_and_told_of"),
    ("S23", "tests/sockets/tcp_sixteen.rs", "the_client_reads_sixteen_bytes_however_they_come"),
    ("S24", "tests/sockets/tcp_sixteen.rs", "the_client_tells_of_an_early_end_and_of_a_reset"),
    ("S25", "tests/sockets/tcp_sixteen.rs", "an_early_end_is_told_and_the_server_goes_on"),
    ("S26", "tests/sockets/tcp_sixteen.rs", "an_idle_client_blocks_nobody"),
    ("S27", "tests/sockets/tcp_sixteen.rs", "surplus_input_does_not_lose_the_farewell"),
    ("S28", "tests/sockets/tcp_deadlock.rs", "what_is_said_comes_back_in_upper_case_however_it_comes"),
    ("S29", "tests/sockets/tcp_deadlock.rs", "whole_texts_are_sent_and_the_answer_may_come_in_pieces"),
    ("S30", "tests/sockets/tcp_deadlock.rs", "it_reads_while_it_writes_and_the_original_does_not"),
    ("S32", "tests/sockets/greeter.rs", "the_client_reads_the_text_however_it_comes"),
    ("S33", "tests/sockets/greeter.rs", "everybody_is_thanked_and_told_of"),
    ("S34", "tests/sockets/greeter.rs", "all_together"),
    ("S36", "tests/sockets/select_echo.rs", "each_client_gets_back_what_it_says_and_all_is_told"),
    ("S37", "tests/sockets/select_echo.rs", "each_client_gets_back_what_it_says_and_all_is_told"),
    ("S38", "tests/sockets/select_echo.rs", "it_ends_when_nothing_happens_with_clients_or_without"),
    ("S39", "tests/sockets/select_echo.rs", "ours_talk_to_each_other"),
    ("S40", "tests/sockets/select_echo.rs", "the_client_plays_three_rounds_and_reads_whole_replies"),
    ("S42", "tests/sockets/select_echo.rs", "a_reset_is_told_with_its_own_address"),
    ("S43", "tests/sockets/select_echo.rs", "a_slow_reader_gets_everything_and_nobody_waits_for_it"),
    ("S45", "tests/sockets/select_echo.rs", "a_slow_reader_gets_everything_and_nobody_waits_for_it"),
    ("S46", "tests/sockets/select_echo.rs", "an_early_end_a_reset_and_silence_are_told"),
    ("S47", "tests/sockets/greet.rs", "everybody_is_greeted_and_told_of"),
    ("S48", "tests/sockets/greet.rs", "everybody_is_greeted_and_told_of"),
    ("S49", "tests/sockets/greet.rs", "what_is_no_whole_text_is_a_failure"),
    ("S51", "tests/sockets/http.rs", "the_body_ends_where_the_head_says"),
    ("S52", "tests/sockets/http.rs", "the_body_ends_where_the_head_says"),
    ("S53", "tests/sockets/http.rs", "no_blank_line_is_no_page"),
    ("S54", "tests/sockets/http.rs", "chunks_are_joined"),
    ("S55", "tests/sockets/hello_tcp.rs", "each_read_is_greeted_after_its_pause_and_exit_ends_it"),
    ("S56", "tests/sockets/hello_tcp.rs", "ends_and_resets_are_told_once_and_the_server_goes_on"),
    ("S57", "tests/sockets/hello_tcp.rs", "ends_and_resets_are_told_once_and_the_server_goes_on"),
    ("S58", "tests/sockets/hello_tcp.rs", "the_client_says_its_names_one_after_another"),
    ("S60", "tests/sockets/hello_tcp.rs", "each_read_is_greeted_after_its_pause_and_exit_ends_it"),
    ("S61", "tests/sockets/hello_tcp.rs", "ends_and_resets_are_told_once_and_the_server_goes_on"),
    ("S62", "tests/sockets/hello_udp.rs", "a_name_is_greeted_whatever_its_bytes"),
    ("S63", "tests/sockets/hello_udp.rs", "a_long_name_is_cut_and_harms_nobody"),
    ("S64", "tests/sockets/hello_udp.rs", "a_name_is_greeted_whatever_its_bytes"),
    ("S65", "tests/sockets/hello_udp.rs", "the_client_sends_its_names_one_after_another"),
    ("S66", "tests/sockets/hello_udp.rs", "duplicates_and_strangers_are_not_taken_for_the_answer"),
    ("S67", "tests/sockets/tcp_chat.rs", "what_a_member_says_goes_to_all"),
    ("S68", "tests/sockets/tcp_chat.rs", "who_leaves_leaves_silently"),
    ("S69", "tests/sockets/tcp_chat.rs", "the_client_sends_each_line_and_quit_and_prints_what_it_receives"),
    ("S70", "tests/sockets/tcp_chat.rs", "a_classic_member_waits_once"),
    ("S71", "tests/sockets/tcp_chat.rs", "who_leaves_leaves_silently"),
    (
        "S72",
        "tests/sockets/tcp_chat.rs",
        "a_member_that_does_not_read_is_dropped_and_the_others_lose_nothing",
    ),
    ("S73", "tests/sockets/tcp_chat.rs", "bad_bytes_are_replaced_and_a_cut_character_is_not"),
    (
        "S74",
        "tests/sockets/tcp_chat.rs",
        "a_member_that_does_not_read_is_dropped_and_the_others_lose_nothing",
    ),
    ("S76", "tests/sockets/tcp_chat.rs", "the_client_ends_with_success_when_the_server_goes"),
    ("S77", "tests/sockets/udp_chat.rs", "what_is_said_goes_to_all_members"),
    ("S78", "tests/sockets/udp_chat.rs", "what_is_said_goes_to_all_members"),
    ("S79", "tests/sockets/udp_chat.rs", "what_is_said_goes_to_all_members"),
    ("S80", "tests/sockets/udp_chat.rs", "who_is_silent_expires_and_who_pings_stays"),
    ("S81", "tests/sockets/udp_chat.rs", "the_client_pings_says_its_lines_and_leaves"),
    ("S82", "tests/sockets/udp_chat.rs", "a_leave_datagram_is_understood"),
    ("S84", "tests/sockets/udp_chat.rs", "what_is_said_is_cut_and_made_utf8"),
    ("S86", "tests/sockets/udp_chat.rs", "what_is_said_is_cut_and_made_utf8"),
    ("S87", "tests/sockets/suffix_echo.rs", "each_read_comes_back_with_the_suffix"),
    ("S88", "tests/sockets/suffix_echo.rs", "each_read_comes_back_with_the_suffix"),
    ("S89", "tests/sockets/suffix_echo.rs", "both_roles_speak_over_unix_sockets"),
    ("S92", "tests/sockets/suffix_echo.rs", "a_character_cut_in_two_is_printed_whole"),
    ("S93", "tests/sockets/suffix_echo.rs", "the_end_of_the_server_is_noticed_at_once"),
    ("S94", "tests/tools.rs", "an_address_is_shown_in_all_its_forms"),
    ("S95", "tests/tools.rs", "text_integer_and_packed_bytes_are_one_address"),
    ("S96", "tests/tools.rs", "a_name_is_shown_with_what_the_resolver_has"),
    ("S97", "tests/tools.rs", "the_systems_services_are_asked_after_the_table"),
    ("S98", "tests/tools.rs", "every_way_to_reach_a_service_is_shown"),
    ("S99", "tests/tools.rs", "services_are_found_by_name_and_by_port"),
    ("S100", "tests/sockets/udp_remote.rs", "udp_remote_with_a_key_asks_a_server_in_python"),
    ("S101", "tests/sockets/udp_remote.rs", "udp_remote_with_a_key_asks_a_server_in_python"),
    ("S102", "tests/sockets/udp_remote.rs", "udp_remote_with_a_key_asks_a_server_in_python"),
    ("S103", "src/systems/udp_remote/seal.rs", "what_was_changed_anywhere_is_not_opened"),
    ("S104", "tests/sockets/geocode.rs", "the_client_asks_and_reads_however_it_comes"),
    ("S105", "tests/sockets/geocode.rs", "the_client_asks_and_reads_however_it_comes"),
    ("S106", "tests/processes/geocode.rs", "a_server_in_python_is_understood_whatever_it_answers"),
    ("S107", "tests/processes/geocode.rs", "a_server_in_python_is_understood_whatever_it_answers"),
    ("S108", "tests/sockets/geocode.rs", "what_is_asked_at_once_is_answered_in_order"),
    ("S109", "tests/sockets/geocode.rs", "a_long_head_is_refused_and_silence_is_dropped"),
    ("S110", "tests/tls/programs.rs", "each_client_ends_well_with_its_server"),
    ("S111", "tests/tls/programs.rs", "a_certificate_that_does_not_fit_is_one_line"),
    ("S112", "tests/tls/held.rs", "greet_holds"),
    ("C01", "tests/sockets/udp_remote.rs", "udp_remote_with_a_key_answers_a_client_in_python"),
    ("C06", "tests/processes/geocode.rs", "a_server_in_python_is_understood_whatever_it_answers"),
    ("C09", "tests/sockets/hello_udp.rs", "tcp_and_udp_share_a_port"),
    ("C13", "tests/tools.rs", "a_number_is_shown_in_both_byte_orders"),
    ("C15", "tests/sockets/greeter.rs", "the_datagram_client_waits_within_bounds"),
    ("C22", "tests/tools.rs", "services_are_found_by_name_and_by_port"),
    ("C23", "tests/tools.rs", "a_network_is_shown_with_its_hosts"),
    ("C27", "tests/tls/programs.rs", "each_client_ends_well_with_its_server"),
];

/// The numbers that no row has, up to the last.
const MISSING: &[u32] = &[31, 35, 41, 44, 50, 59, 75, 83, 85, 90, 91];
/// The last row.
const LAST: u32 = 112;
/// The rows of their own count.
const OTHERS: &[&str] = &["C01", "C06", "C09", "C13", "C15", "C22", "C23", "C27"];

/// The tests of a file, each with the rows that it holds.
fn tests_in(text: &str) -> Vec<(String, Vec<String>)> {
    let mut tests = Vec::new();
    let (mut doc, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            doc.push(comment.trim().to_owned());
        } else if line.starts_with("#[") {
            is_test |= line == "#[test]";
        } else {
            if let Some(name) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = name.split(['(', '<']).next().unwrap_or_default();
                tests.push((name.to_owned(), rows_of(doc.first().map_or("", String::as_str))));
            }
            doc.clear();
            is_test = false;
        }
    }
    tests
}

/// The rows with which a doc comment begins, as in `S21, S22, and what else is to be said`.
fn rows_of(line: &str) -> Vec<String> {
    let words = line.split([' ', ',', '.', ':', ';']).filter(|word| !word.is_empty());
    words.take_while(|word| is_row(word)).map(str::to_owned).collect()
}

fn is_row(word: &str) -> bool {
    let digits = word.strip_prefix(['S', 'C']);
    digits.is_some_and(|digits| {
        matches!(digits.len(), 2 | 3) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Every file below a directory, by its path from the crate's.
fn files(root: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(below)).expect("a directory of the crate can be read") {
        let entry = entry.expect("a directory of the crate can be read");
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        let is_rust = entry.path().extension().is_some_and(|extension| extension == "rs");
        if entry.path().is_dir() {
            files(root, &path, found);
        } else if is_rust {
            let text = fs::read_to_string(entry.path()).expect("a source file can be read");
            found.insert(path, text);
        }
    }
}

fn all_tests() -> BTreeMap<String, Vec<(String, Vec<String>)>> {
    let (root, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")), BTreeMap::new());
    files(root, "src", &mut found);
    files(root, "tests", &mut found);
    found.into_iter().map(|(path, text)| (path, tests_in(&text))).collect()
}

#[test]
fn the_table_has_every_row_once() {
    let numbered =
        (1..=LAST).filter(|number| !MISSING.contains(number)).map(|number| format!("S{number:02}"));
    let expected: Vec<String> = numbered.chain(OTHERS.iter().map(|row| (*row).to_owned())).collect();
    let rows: Vec<&str> = ROWS.iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_row_has_its_test() {
    let tests = all_tests();
    let mut wrong = Vec::new();
    for (row, path, test) in ROWS {
        match tests.get(*path).and_then(|tests| tests.iter().find(|(name, _)| name == test)) {
            None => wrong.push(format!("{row}: there is no test {test} in {path}")),
            Some((_, rows)) if !rows.iter().any(|held| held == row) => {
                wrong.push(format!("{row}: {test} in {path} does not say that it holds it"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_test_names_a_row_that_is_none() {
    let known: BTreeSet<&str> = ROWS.iter().map(|(row, ..)| *row).collect();
    for (path, tests) in all_tests() {
        for (test, rows) in tests {
            let unknown: Vec<&String> = rows.iter().filter(|row| !known.contains(row.as_str())).collect();
            assert!(unknown.is_empty(), "{path}: {test} names {unknown:?}");
        }
    }
}

#[test]
fn the_rows_of_a_doc_comment_are_found() {
    let text = "/// S01, S02: both, and S03 is another matter.\n/// S04.\n#[test]\nfn one() {\n}\n\n/// S05\nfn two() {}\n\
                proptest! {\n    /// C09.\n    #[test]\n    fn three(a in 0..1) {}\n}";
    let found = tests_in(text);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!(
        (found[0].1.as_slice(), found[1].1.as_slice()),
        (&["S01".to_owned(), "S02".to_owned()][..], &["C09".to_owned()][..])
    );
}
