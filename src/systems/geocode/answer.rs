//! The answer: what JSON says of places.

use serde::Serialize;
use serde_json::{Number, Value};

use super::places::{Axis, Location, Place};

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Where the first of so many places is.
    Found { location: Location, count: usize },
    /// There is none.
    Nowhere,
    /// Something else.
    Status(String),
}

/// Why there is no answer in a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not JSON.
    #[error("the answer is not JSON: {0}")]
    Json(String),
    /// It lacks this member, or that is not what it should be.
    #[error("the answer has no '{0}'")]
    Lacks(&'static str),
}

/// Reads a body. Members that are not known are passed over.
pub(super) fn read(body: &[u8]) -> Result<Answer, AnswerError> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| AnswerError::Json(error.to_string()))?;
    match answer["status"].as_str() {
        None => Err(AnswerError::Lacks("status")),
        Some("ZERO_RESULTS") => Ok(Answer::Nowhere),
        Some("OK") => {
            let results = answer["results"].as_array().ok_or(AnswerError::Lacks("results"))?;
            let first = results.first().ok_or(AnswerError::Lacks("results[0]"))?;
            let location = &first["geometry"]["location"];
            let degrees = |axis: Axis, member: &str, whole| {
                let degrees: Option<&Number> =
                    location[member].as_number().filter(|degrees| axis.has(degrees));
                degrees.cloned().ok_or(AnswerError::Lacks(whole))
            };
            let lat = degrees(Axis::Lat, "lat", "results[0].geometry.location.lat")?;
            let lng = degrees(Axis::Lng, "lng", "results[0].geometry.location.lng")?;
            let location =
                Location::new(lat, lng).ok_or(AnswerError::Lacks("results[0].geometry.location"))?;
            Ok(Answer::Found { location, count: results.len() })
        }
        Some(status) => Ok(Answer::Status(status.to_owned())),
    }
}

/// The body that says where these places are.
pub(super) fn of_places(places: &[&Place]) -> String {
    let results: Vec<Found<'_>> = places
        .iter()
        .map(|place| Found {
            formatted_address: &place.address,
            geometry: Geometry { location: &place.location },
        })
        .collect();
    let status = if results.is_empty() { "ZERO_RESULTS" } else { "OK" };
    // Texts and numbers can be written.
    serde_json::to_string(&Body { results, status }).unwrap_or_default()
}

/// The body that says that nothing was asked.
pub(super) const INVALID_REQUEST: &str = r#"{"results":[],"status":"INVALID_REQUEST"}"#;

#[derive(Serialize)]
struct Body<'a> {
    results: Vec<Found<'a>>,
    status: &'static str,
}

#[derive(Serialize)]
struct Found<'a> {
    formatted_address: &'a str,
    geometry: Geometry<'a>,
}

#[derive(Serialize)]
struct Geometry<'a> {
    location: &'a Location,
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::*;

    const CLASSIC: &str = r#"{"results":[{"formatted_address":"207 N. Defiance St, Archbold, OH 43502, USA","geometry":{"location":{"lat":41.521954,"lng":-84.306691}}}],"status":"OK"}"#;

    /// S105, S108.
    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let table = Table::default();
        assert_eq!(of_places(&table.find("archbold")), CLASSIC);
        let Ok(Answer::Found { location, count }) = read(CLASSIC.as_bytes()) else { panic!() };
        assert_eq!((location.to_string().as_str(), count), ("{'lat': 41.521954, 'lng': -84.306691}", 1));
        assert_eq!(location.json(), r#"{"lat":41.521954,"lng":-84.306691}"#);
        assert!(matches!(
            read(of_places(&table.find("springfield")).as_bytes()),
            Ok(Answer::Found { count: 2, .. })
        ));
        assert_eq!(read(of_places(&[]).as_bytes()), Ok(Answer::Nowhere));
        assert_eq!(read(INVALID_REQUEST.as_bytes()), Ok(Answer::Status("INVALID_REQUEST".to_owned())));
    }

    /// S107: each prefix of an answer is none, and so is one without any of its members.
    #[test]
    fn what_is_not_whole_is_no_answer() {
        for len in 0..CLASSIC.len() {
            assert!(matches!(read(&CLASSIC.as_bytes()[..len]), Err(AnswerError::Json(_))), "{len}");
        }
        for (member, lacks) in [
            ("status", "status"),
            ("results", "results"),
            ("geometry", "results[0].geometry.location.lat"),
            ("location", "results[0].geometry.location.lat"),
            ("lat", "results[0].geometry.location.lat"),
            ("lng", "results[0].geometry.location.lng"),
        ] {
            let other = CLASSIC.replace(&format!("\"{member}\""), "\"other\"");
            assert_eq!(read(other.as_bytes()), Err(AnswerError::Lacks(lacks)), "{other}");
        }
        for (wrong, lacks) in [("41.521954", "lat"), ("-84.306691", "lng")] {
            for other in ["null", "\"41\"", "[]", "181", "-180.5"] {
                let other = CLASSIC.replace(wrong, other);
                let Err(AnswerError::Lacks(member)) = read(other.as_bytes()) else { panic!("{other}") };
                assert!(member.ends_with(lacks), "{member}");
            }
        }
        for (body, lacks) in
            [("[]", "status"), ("1", "status"), (r#"{"status":"OK","results":[]}"#, "results[0]")]
        {
            assert_eq!(read(body.as_bytes()), Err(AnswerError::Lacks(lacks)));
        }
        let more = CLASSIC.replace("\"results\"", "\"unknown\": [1, {\"x\": null}], \"results\"");
        assert!(matches!(read(more.as_bytes()), Ok(Answer::Found { .. })));
    }
}
