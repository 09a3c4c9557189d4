//! What stands in the line of a request: the place that is asked for.

/// Where the server answers.
pub(super) const PATH: &str = "/maps/api/geocode/json";

/// The bytes of a request for a place.
pub(super) fn request(host: &str, place: &str) -> Vec<u8> {
    let mut request = format!("GET {PATH}?address=");
    for byte in place.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                request.push(char::from(byte));
            }
            b' ' => request.push('+'),
            byte => {
                let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
                request.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    request.push_str("&sensor=false HTTP/1.1\r\nHost: ");
    request.push_str(host);
    request.push_str("\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    request.into_bytes()
}

/// What the target of a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A place.
    Place(String),
    /// One that is not named, or cannot be read.
    NoPlace,
    /// Something else than places.
    Elsewhere,
}

impl Asked {
    /// What this target asks for.
    pub(super) fn of(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != PATH {
            return Self::Elsewhere;
        }
        let mut values = query.split('&').filter_map(|part| part.strip_prefix("address="));
        let place = values.next().and_then(decoded).filter(|place| !place.trim().is_empty());
        place.map_or(Self::NoPlace, Self::Place)
    }
}

/// A value as it was before it was made fit for a URL; `None` if an escape is none, or the bytes are not UTF-8.
fn decoded(value: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    let nibble = |digit: Option<u8>| char::from(digit?).to_digit(16).map(|nibble| nibble as u8);
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => nibble(bytes.next())? << 4 | nibble(bytes.next())?,
            byte => byte,
        });
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// S104.
    #[test]
    fn a_request_is_exactly_this() {
        let request = String::from_utf8(request("example.org", "207 N. Defiance St, 北")).unwrap();
        assert_eq!(
            request,
            "GET /maps/api/geocode/json?address=207+N.+Defiance+St%2C+%E5%8C%97&sensor=false HTTP/1.1\r\n\
             Host: example.org\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
    }

    /// S108.
    #[test]
    fn what_is_no_place_is_told_from_what_is_elsewhere() {
        let asked = |query: &str| Asked::of(&format!("{PATH}{query}"));
        for query in
            ["", "?", "?address=", "?address=+%20", "?place=x", "?address=%", "?address=%4", "?address=%zz"]
        {
            assert_eq!(asked(query), Asked::NoPlace, "{query}");
        }
        assert_eq!(asked("?address=%ff"), Asked::NoPlace);
        assert_eq!(asked("?sensor=false&address=a%2bb+c&address=d"), Asked::Place("a+b c".to_owned()));
        for target in ["/", "*", "/maps/api/geocode/json/", "/maps/api/geocode/xml?address=a"] {
            assert_eq!(Asked::of(target), Asked::Elsewhere, "{target}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_place_comes_as_it_was(place in "\\PC{1,30}|[\\x00-\\x7f]{1,30}") {
            let request = String::from_utf8(request("x", &place)).unwrap();
            prop_assert!(request.is_ascii() && request.lines().count() == 5);
            let target = request.split(' ').nth(1).unwrap();
            let expected = if place.trim().is_empty() { Asked::NoPlace } else { Asked::Place(place) };
            prop_assert_eq!(Asked::of(target), expected);
        }
    }
}
