//! Messages and states as bytes.

use super::*;

const MAX: u64 = u64::MAX;
const LAST: u64 = MAX_TERM - 1;
const VERSION: Version = Version { term: LAST, number: MAX };
const REGISTER: Register = Register { version: VERSION, writer: MAX, value: MAX };

fn all() -> Vec<Message> {
    let leader = Some("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535".parse().unwrap());
    vec![
        Message::Ask { term: LAST, version: VERSION },
        Message::Vote { term: 0 },
        Message::Later { term: 10 },
        Message::Beat { term: LAST, round: MAX, register: REGISTER },
        Message::Heard { term: LAST, round: MAX, version: VERSION },
        Message::Get { id: 1 },
        Message::Set { id: MAX, after: 0, value: 100 },
        Message::Value { id: MAX, writer: MAX, value: MAX },
        Message::Done { id: MAX },
        Message::Overtaken { id: MAX },
        Message::Elsewhere { id: MAX, leader },
        Message::Elsewhere { id: MAX, leader: None },
    ]
}

#[test]
fn the_checksum_is_the_published_one() {
    assert_eq!((Crc32::of("123456789"), Crc32::of("")), (0xCBF4_3926, 0));
}

#[test]
fn a_message_is_read_as_it_was_sent_and_no_other() {
    for message in all() {
        let bytes = message.encode();
        assert!(bytes.len() <= MAX_MESSAGE_LEN, "{message}");
        assert_eq!(Message::decode(&bytes), Ok(message));
        for at in 0..bytes.len() {
            assert!(Message::decode(&bytes[..at]).is_err(), "{message} cut to {at}");
            for mask in 1..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                assert!(Message::decode(&changed).is_err(), "{message} {at}:{mask:#x}");
            }
        }
    }
}

#[test]
fn a_message_is_written_in_one_way() {
    let sealed = |words: &str| Sealed(words).to_string().into_bytes();
    assert_eq!(Message::decode(&sealed("vote 7")), Ok(Message::Vote { term: 7 }));
    for words in [
        "",
        "vote",
        "vote 07",
        "vote +7",
        "vote -7",
        "vote  7",
        " vote 7",
        "vote 7 ",
        "vote 7 8",
        "vote\t7",
        "Vote 7",
        "vote 18446744073709551616",
        "vote 9223372036854775808",
        "set 1 2 18446744073709551616",
        "vote x",
        "votes 7",
        "vote \u{e9}",
        "elsewhere 1 unix:/x",
        "elsewhere 1 x",
        "elsewhere 1 127.0.0.1:07",
        "beat 1 2 3 4 5",
    ] {
        assert!(Message::decode(&sealed(words)).is_err(), "{words:?}");
    }
    let upper = String::from_utf8(sealed("vote 7")).unwrap().to_uppercase();
    assert!(Message::decode(upper.as_bytes()).is_err() && Message::decode(b"").is_err());
}

#[test]
fn a_state_is_read_as_it_was_saved_and_no_other() {
    assert_eq!(Durable::decode(b""), Ok(Durable::default()));
    for voted in [None, Some(0), Some(MAX)] {
        let durable = Durable { term: LAST, voted, register: REGISTER };
        let bytes = durable.encode();
        assert_eq!(Durable::decode(&bytes), Ok(durable));
        assert!((1..bytes.len()).all(|len| Durable::decode(&bytes[..len]).is_err()));
    }
    assert!(Durable::decode(&Message::Vote { term: 7 }.encode()).is_err());
}
