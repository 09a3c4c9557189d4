//! Texts that are plans, and texts that are not.

use super::*;

fn error(text: &str) -> String {
    text.parse::<FaultPlan>().map_or_else(|error| error.to_string(), |plan| format!("is a plan: {plan}"))
}

fn canonical(text: &str) -> String {
    text.parse::<FaultPlan>().map_or_else(|error| error.to_string(), |plan| plan.to_string())
}

#[test]
fn the_text_is_free_in_its_blanks_and_separators() {
    for (text, expected) in [
        ("", "v2"),
        (" ;;\n ; \r\n", "v2"),
        ("v2", "v2"),
        ("v1", "v2"),
        ("a>b#0 drop", "v2; a>b #0 drop"),
        (" v1 ;a > b # 007 flip 1 : 128;;", "v2; a>b #7 flip 1:0x80"),
        ("a>b #0 drop\r\nseed 7\nlink 0.005s", "v2; seed 7; link 5ms; a>b #0 drop"),
        ("a>b/0@9 cut\na>b / 1 @ 9 stall 0.1s", "v2; a>b @9 cut; a>b/1 @9 stall 100ms"),
        ("a>b#3 mark; a>b # 4 bleach", "v2; a>b #3 mark; a>b #4 bleach"),
        ("a>b cut every 8 byte", "v2; a>b cut every 8 bytes"),
        ("commands 4 ,1,007,1", "v2; commands 1,4,7"),
        ("a>b #0 drop; commands none; seed 7", "v2; seed 7; commands none; a>b #0 drop"),
        ("at 1min skew a + 3s; at 0s partition a | b", "v2; at 60s skew a +3s; at 0s partition a|b"),
        ("at>seed #0 drop; v1>v2 #0 drop; ->. #0 drop", "v2; at>seed #0 drop; v1>v2 #0 drop; ->. #0 drop"),
    ] {
        assert_eq!(canonical(text), expected, "{text:?}");
    }
}

#[test]
fn a_comment_stands_in_place_of_an_item() {
    let plain = canonical("seed 7; a>b #0 drop");
    for text in [
        "# why\nseed 7\n  # a>b #1 drop; seed 8\r\na>b #0 drop; # once #",
        "#\n;#\n v2; seed 7; a>b #0 drop\n#",
    ] {
        assert_eq!(canonical(text), plain, "{text:?}");
    }
    assert!(error("seed 7 # why").starts_with("column 8: expected ';' or the end of the item"));
    assert_eq!(error("# why\nseed x"), error("     \nseed x"));
}

#[test]
fn a_file_of_another_editor_is_read() {
    let lines = "v1\r\nseed 7\r\n\r\na>b #0 drop;\r\nat 2s heal\r\n";
    let plain = canonical("seed 7; a>b #0 drop; at 2s heal");
    assert_eq!(canonical(lines), plain);
    assert_eq!(canonical(&format!("\u{feff}{lines}")), plain);
    check(&[
        // The mark is not seen, and so not counted.
        ("\u{feff}a>b #0 dorp", &error("a>b #0 dorp")),
        ("a>b #0\r\ndrop", &error("a>b #0 \ndrop")),
        // It is one at the start alone.
        ("seed 7;\u{feff}", &error("seed 7;\u{feff}")),
    ]);
    assert!(error("seed 7;\u{feff}").starts_with("column 8: expected an item"));
    assert!(error("\u{feff}\u{feff}seed 7").starts_with("column 1: expected an item"));
}

#[test]
fn a_text_of_the_first_version_keeps_its_meaning() {
    let of = |version: &str| canonical(&format!("{version}a>b @9 cut; a>b/2 @9 cut; a>b/7 cut every 1 byte"));
    assert_eq!(of("v1; "), "v2; a>b @9 cut; a>b/1 @9 cut; a>b/6 cut every 1 byte");
    assert_eq!(of("v2; "), "v2; a>b @9 cut; a>b/2 @9 cut; a>b/7 cut every 1 byte");
    assert_eq!(of(""), of("v2; "), "without one it is the newest");
    // What was the first by its number, or without one, is the first.
    assert_eq!(canonical("v1; a>b/1 @9 cut"), "v2; a>b @9 cut");
    assert_eq!(canonical("v2; a>b/0 @9 cut"), "v2; a>b @9 cut");
    assert_eq!(canonical("v1; a>b/1 @9 cut; a>b @9 cut"), "column 19: a>b @9 has a fault already");
    assert_eq!(
        canonical(&format!("v1; a>b/{} @9 cut", u32::MAX)),
        format!("v2; a>b/{} @9 cut", u32::MAX - 1)
    );
    assert_eq!(canonical("v2; a>b/4294967294 @9 cut"), "v2; a>b/4294967294 @9 cut");
    let beyond = "a connection number of at most 4294967294, found '4294967295'";
    assert_eq!(canonical("v2; a>b/4294967295 @9 cut"), format!("column 9: expected {beyond}"));
    assert_eq!(canonical("v1; a>b/* @9 cut"), "v2; a>b/* @9 cut");
    let counts = "v1 counts them from 1, v2 from 0";
    check(&[(
        "v1; a>b / 0 @9 cut",
        &format!("column 11: expected a connection number from 1, found '0'; {counts}"),
    )]);
}

/// Checks, of pairs of a text and the line expected for it, every one.
fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(error(text), *expected, "{text:?}");
    }
}

#[test]
fn a_malformed_item_has_its_one_line() {
    let item = "expected an item ('seed', 'link', 'streams', 'calm', 'commands', 'bottleneck', 'at', 'crash', 'poweroff', or a flow such as a>b), found";
    let place =
        "expected '#' and a packet number, '@' and a byte offset, 'cut every', 'refuse' or 'silence', found";
    let foreign = "names have ASCII letters, digits, '_', '-' and '.' only";
    check(&[
        ("v3", "column 1: expected v1 or v2 (the versions understood), found 'v3'"),
        ("v0", "column 1: expected v1 or v2 (the versions understood), found 'v0'"),
        ("v2; v1", "column 5: expected another item, found 'v1'; the version comes first"),
        ("seed 1; v1", "column 9: expected another item, found 'v1'; the version comes first"),
        ("seed 1; seed 2", "column 9: the plan has a seed already"),
        ("link 1s; link 1s", "column 10: the plan has a link already"),
        ("calm 1s; calm 2s", "column 10: the plan has a calm already"),
        ("calm soon", "column 6: expected a span of time such as 40ms, found 'soon'"),
        ("commands 1; commands 2", "column 13: the plan has a list of commands already"),
        ("commands", "column 9: expected 'none' or the number of a command, found the end"),
        ("commands 1,", "column 12: expected 'none' or the number of a command, found the end"),
        ("commands none,1", "column 14: expected ';' or the end of the item, found ','"),
        ("comands 1", &format!("column 1: {item} 'comands'; did you mean 'commands'?")),
        ("sed 7", &format!("column 1: {item} 'sed'; did you mean 'seed'?")),
        ("éa>b #0 drop", &format!("column 1: {item} 'éa'; {foreign}")),
        ("\u{a0}é", &format!("column 2: {item} 'é'; {foreign}")),
        ("a>é #0 drop", &format!("column 3: expected the name of a host, found 'é'; {foreign}")),
        (">b #0 drop", "column 1: expected the name of a host, found '>'"),
        ("a>b drop", &format!("column 5: {place} 'drop'")),
        (
            "a>b/2 #0 drop",
            "column 7: expected '@' and a byte offset, 'cut every', 'refuse' or 'silence', found '#'",
        ),
        ("a>b cut evry 8 bytes", "column 9: expected 'every', found 'evry'; did you mean 'every'?"),
        ("a>b cut every 8", "column 16: expected 'byte' or 'bytes', found the end"),
        ("a>b #0 drop a", "column 13: expected ';' or the end of the item, found 'a'"),
    ]);
}

#[test]
fn a_malformed_fault_has_its_one_line() {
    let datagram = "expected a fault (drop, duplicate, delay, flip, truncate, mark or bleach), found";
    let host = "expected a fault (partition, isolate, heal, stop, crash, poweroff, restart, skew, drift, timer-first, pause, resume, rebind, reboot or move), found";
    let stream = "expected a fault (cut, stall or reset), found";
    let side = "expected '|' (both ways) or '>' (one way) and another host, found";
    let ahead = "expected '+' or '-' and a span of time, found";
    let drift = "expected 'x' and the rate of a clock from 0.5 to 2, such as x1.001, found";
    let when = "expected 'before send #N', 'after send #N' or 'after recv #N', found";
    let drop_hint = "'drop' is for a datagram, as in a>b #3 drop";
    let stall_hint = "'stall' is for a stream, as in a>b @16 stall";
    check(&[
        ("client>server #3 dorp", &format!("column 18: {datagram} 'dorp'; did you mean 'drop'?")),
        ("a>b #0", &format!("column 7: {datagram} the end")),
        ("a>b #0\n drop", &format!("column 7: {datagram} the end of the line")),
        ("a>b #0 stall 2s", &format!("column 8: {datagram} 'stall'; {stall_hint}")),
        ("at 1s drop", &format!("column 7: {host} 'drop'; {drop_hint}")),
        ("a>b #0 flip 1", "column 14: expected ':' and a mask such as 0x80, found the end"),
        ("at 2s sop server", &format!("column 7: {host} 'sop'; did you mean 'stop'?")),
        ("at 2s stop", "column 11: expected the name of a host, found the end"),
        ("a>b @0 stop", &format!("column 8: {stream} 'stop'; 'stop' is for hosts, as in at 2s stop")),
        ("at 1s skew a -3", "column 14: expected '-' and a span of time such as 40ms, found '-3'"),
        ("at 1s drift a 1.1", &format!("column 15: {drift} '1.1'")),
        ("at 1s drift a x2.1", &format!("column 15: {drift} 'x2.1'")),
        ("crash a", &format!("column 8: {when} the end; a moment comes first, as in at 2s crash a")),
        ("crash a after", "column 14: expected 'effect', found the end"),
        ("crash a after recv 3", "column 20: expected '#' and a number, found '3'"),
        ("poweroff a before send #3 fro 1s", "column 27: expected ';' or the end of the item, found 'fro'"),
        (
            "crash a after effect 0 of recv #1",
            "column 1: effects are counted from 1; write 'after effect 1', or 'before send #N'",
        ),
        ("crash a before send #1 for 0s", "column 1: for must be at least 1ns"),
        ("crash a after recv #1; poweroff a after recv #1", "column 24: a goes down after recv #1 already"),
        ("a>b refuse; a>b/0 silence", "column 13: a>b has a fault of its dial already"),
        ("at 1s refuse", &format!("column 7: {host} 'refuse'; 'refuse' is for a dial, as in a>b refuse")),
        ("at 1s partition a,b|b", "column 1: 'b' is on both sides; name two different hosts"),
        ("at 1s skew a 3s", &format!("column 14: {ahead} '3s'")),
        ("at 2s partition a b", &format!("column 19: {side} 'b'")),
    ]);
}

#[test]
fn a_malformed_number_has_its_one_line() {
    let span = "expected a span of time such as 40ms, found";
    let units = "end it with ns, us, ms, s or min, without a blank";
    let beyond = "18446744073709551616";
    let most = u64::MAX;
    check(&[
        ("seed -1", "column 6: expected a seed, found '-1'"),
        (
            &format!("seed {beyond}"),
            &format!("column 6: expected a seed of at most {most}, found '{beyond}'"),
        ),
        (
            "a>b #0 truncate 4294967296",
            "column 17: expected a number of bytes of at most 4294967295, found '4294967296'",
        ),
        (
            "a>b cut every 0 bytes",
            &format!("column 15: expected a number of bytes from 1 to {most}, found '0'"),
        ),
        ("a>b #0 flip 1:0x100", "column 15: expected a mask from 0x01 to 0xff, found '0x100'"),
        ("at soon heal", &format!("column 4: {span} 'soon'")),
        ("a>b #0 delay 40 ms", &format!("column 14: {span} '40'; {units}")),
        ("at 1m heal", &format!("column 4: {span} '1m'; write 'min' or 'ms'")),
        ("at 0.5ns heal", "column 4: expected a whole number of nanoseconds, found '0.5ns'"),
        (
            "at 18446744074s heal",
            &format!("column 4: expected a span of at most {most}ns, found '18446744074s'"),
        ),
    ]);
}

#[test]
fn what_the_plan_refuses_is_reported_at_its_item() {
    let far = "the clock of a jumps at most 3153600000s ahead in all (100 years)";
    check(&[
        ("v2; link 0s", "column 5: link must be at least 1ns"),
        ("a>b #0 flip 1:0", "column 1: flip must change a bit; use a mask from 0x01 to 0xff"),
        (
            "at 0s skew a +3153600000s; at 1s skew b +1s",
            "is a plan: v2; at 0s skew a +3153600000s; at 1s skew b +1s",
        ),
        ("at 1s skew a +3153600000.000000001s", &format!("column 1: {far}")),
        ("at 1s skew a +18446744073s", &format!("column 1: {far}")),
        ("v2; at 1s skew a +3153600000s; at 2s skew a +1ns", &format!("column 32: {far}")),
        ("at 2s partition a|a", "column 1: 'a' is on both sides; name two different hosts"),
        (
            "v2; seed 7; client>server #0 drop; client>server #0 duplicate",
            "column 36: client>server #0 has a fault already",
        ),
    ]);
}
