//! Places, and the words by which they are found.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// How many places a table has at most.
pub const MAX_PLACES: usize = 10_000;
/// How many bytes the address of a place has at most.
pub const MAX_ADDRESS_LEN: usize = 1_000;
/// How many places an answer has at most.
pub const MAX_RESULTS: usize = 20;

/// Where something is on the earth, in degrees.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// North of the equator; less than 0 in the south.
    lat: Number,
    /// East of Greenwich; less than 0 in the west.
    lng: Number,
}

/// One number of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// From pole to pole.
    Lat,
    /// Around the earth.
    Lng,
}

impl Axis {
    /// Whether there is such a number of degrees.
    pub(super) fn has(self, degrees: &Number) -> bool {
        let most = match self {
            Self::Lat => 90.0,
            Self::Lng => 180.0,
        };
        degrees.as_f64().is_some_and(|degrees| (-most..=most).contains(&degrees))
    }
}

impl Location {
    /// A place at these degrees, if there is one.
    pub(super) fn new(lat: Number, lng: Number) -> Option<Self> {
        (Axis::Lat.has(&lat) && Axis::Lng.has(&lng)).then_some(Self { lat, lng })
    }

    /// The place at these degrees, if there is one: north from -90 to 90, east from -180 to 180.
    pub fn of_degrees(lat: f64, lng: f64) -> Option<Self> {
        Self::new(Number::from_f64(lat)?, Number::from_f64(lng)?)
    }

    /// As an object of JSON.
    pub fn json(&self) -> String {
        // Numbers can be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Location {
    /// As Python shows a dictionary, and the original printed it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{'lat': {}, 'lng': {}}}", Python(&self.lat), Python(&self.lng))
    }
}

/// A number as Python writes it: small ones with two digits of exponent at least.
struct Python<'a>(&'a Number);

impl fmt::Display for Python<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tiny = self.0.as_f64().filter(|value| *value != 0.0 && value.abs() < 1e-4 && self.0.is_f64());
        match tiny.map(|value| format!("{value:e}")).as_deref().and_then(|text| text.split_once("e-")) {
            Some((digits, exponent)) => write!(f, "{digits}e-{exponent:0>2}"),
            None => self.0.fmt(f),
        }
    }
}

/// A place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is called.
    pub address: String,
    /// Where it is.
    pub location: Location,
    /// The words of its address.
    words: Vec<String>,
}

impl Place {
    /// A place, if its address is no longer than [`MAX_ADDRESS_LEN`] and has a word.
    fn new(address: String, location: Location) -> Option<Self> {
        let words = words(&address);
        let fits = address.len() <= MAX_ADDRESS_LEN && !words.is_empty();
        fits.then_some(Self { address, location, words })
    }
}

/// The words of an address, in small letters: what stands between blanks and signs.
fn words(address: &str) -> Vec<String> {
    let words = address.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Why a file is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It is not JSON, or not a list of places.
    #[error("it is no list of {{\"address\": \"…\", \"lat\": …, \"lng\": …}}: {0}")]
    Syntax(String),
    /// There is nothing in it, or too much.
    #[error("it has {0} places: 1 to {MAX_PLACES} are possible")]
    Count(usize),
    /// A place is none.
    #[error(
        "its place {0} is none: an address has a word and at most {MAX_ADDRESS_LEN} bytes, a latitude is from -90 to 90, \
         a longitude from -180 to 180"
    )]
    Place(usize),
}

/// The places that a server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table(Arc<[Place]>);

impl Table {
    /// Reads a table: a list of objects, each with its address and where that is.
    ///
    /// # Errors
    /// [`TableError`], if it is no such list, or one without sense.
    ///
    /// ```
    /// use lossproof::systems::geocode::Table;
    ///
    /// let table = Table::parse(br#"[{"address": "Tahrir Square, Cairo", "lat": 30.0444, "lng": 31.2357}]"#)?;
    /// let found = table.find("CAIRO tahrir");
    /// assert_eq!(found[0].location.to_string(), "{'lat': 30.0444, 'lng': 31.2357}");
    /// # Ok::<(), lossproof::systems::geocode::TableError>(())
    /// ```
    pub fn parse(json: &[u8]) -> Result<Self, TableError> {
        #[derive(Deserialize)]
        struct Row {
            address: String,
            lat: Number,
            lng: Number,
        }
        let rows: Vec<Row> =
            serde_json::from_slice(json).map_err(|error| TableError::Syntax(error.to_string()))?;
        if rows.is_empty() || rows.len() > MAX_PLACES {
            return Err(TableError::Count(rows.len()));
        }
        let places = rows.into_iter().enumerate().map(|(index, Row { address, lat, lng })| {
            let place = Location::new(lat, lng).and_then(|location| Place::new(address, location));
            place.ok_or(TableError::Place(index + 1))
        });
        Ok(Self(places.collect::<Result<_, _>>()?))
    }

    /// The first places that have all words of this address, in any order and case; at most [`MAX_RESULTS`].
    pub fn find(&self, address: &str) -> Vec<&Place> {
        let wanted = words(address);
        if wanted.is_empty() {
            return Vec::new();
        }
        let fits = |place: &&Place| wanted.iter().all(|word| place.words.contains(word));
        self.0.iter().filter(fits).take(MAX_RESULTS).collect()
    }
}

impl Default for Table {
    /// Some places, that of the original among them.
    fn default() -> Self {
        let place = |&(address, lat, lng): &(&str, f64, f64)| {
            Place::new(address.to_owned(), Location::of_degrees(lat, lng)?)
        };
        Self(PLACES.iter().filter_map(place).collect())
    }
}

/// What a server knows unless it is told otherwise.
#[expect(clippy::unreadable_literal, reason = "maps have no separators in their degrees")]
const PLACES: [(&str, f64, f64); 16] = [
    ("207 N. Defiance St, Archbold, OH 43502, USA", 41.521954, -84.306691),
    ("1600 Pennsylvania Avenue NW, Washington, DC 20500, USA", 38.8976763, -77.0365298),
    ("20 W 34th St, New York, NY 10001, USA", 40.7484405, -73.9856644),
    ("Springfield, IL, USA", 39.7817213, -89.6501481),
    ("Springfield, MO, USA", 37.2089572, -93.2922989),
    ("10 Downing Street, London SW1A 2AA, United Kingdom", 51.5033635, -0.1276248),
    ("5 Avenue Anatole France, 75007 Paris, France", 48.8583701, 2.2944813),
    ("Platz der Republik 1, 11011 Berlin, Germany", 52.5186202, 13.3761872),
    ("Dam Square, 1012 JS Amsterdam, Netherlands", 52.3730796, 4.8924534),
    ("Piazza del Colosseo 1, 00184 Roma, Italy", 41.8902102, 12.4922309),
    ("Tahrir Square, Cairo, Egypt", 30.0444196, 31.2357116),
    ("Table Mountain, Cape Town, South Africa", -33.9628, 18.4098),
    ("Praça Mauá, Rio de Janeiro, Brazil", -22.8965, -43.1801),
    ("天安门广场 (Tiananmen Square), 北京 Beijing, China", 39.9054895, 116.3976317),
    ("1 Chome-1-2 Oshiage, Sumida, Tokyo 131-0045, Japan", 35.7100627, 139.8107004),
    ("Bennelong Point, Sydney NSW 2000, Australia", -33.8567844, 151.2152967),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// S108.
    #[test]
    fn places_are_found_by_words_in_any_order_and_case() {
        let table = Table::default();
        assert_eq!(table.0.len(), PLACES.len());
        let found = |address: &str| -> Vec<&str> {
            table.find(address).iter().map(|place| place.address.as_str()).collect()
        };
        let classic = [PLACES[0].0];
        for address in ["207 N. Defiance St, Archbold, OH", "oh ARCHBOLD defiance", "  archbold\t!", "43502"]
        {
            assert_eq!(found(address), classic, "{address}");
        }
        assert_eq!(found("springfield"), [PLACES[3].0, PLACES[4].0]);
        assert_eq!(found("北京"), [PLACES[13].0]);
        for address in ["", "...", "Archbold Paris", "Archbol", "Atlantis"] {
            assert!(found(address).is_empty(), "{address}");
        }
    }

    #[test]
    fn an_answer_has_so_many_places_and_not_one_more() {
        let table = |count| {
            let rows: Vec<String> =
                (0..count).map(|n| format!(r#"{{"address": "Same {n}", "lat": 0, "lng": {n}}}"#)).collect();
            Table::parse(format!("[{}]", rows.join(",")).as_bytes()).unwrap()
        };
        assert_eq!(table(MAX_RESULTS).find("same").len(), MAX_RESULTS);
        assert_eq!(table(MAX_RESULTS + 1).find("same").len(), MAX_RESULTS);
    }

    #[test]
    fn what_is_no_table_is_told() {
        let row =
            |address: &str, lat: &str| format!(r#"{{"address": "{address}", "lat": {lat}, "lng": -180.0}}"#);
        let complaint = |json: &str| Table::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(complaint("{}").starts_with("it is no list of {\"address\": \"…\","));
        assert!(complaint("[{}]").ends_with("missing field `address` at line 1 column 3"));
        assert_eq!(complaint("[]"), "it has 0 places: 1 to 10000 are possible");
        for (address, lat) in [("x", "90.5"), ("x", "1e400"), (".", "0"), (&"x".repeat(1_001), "0")] {
            let bad = format!("[{}, {}]", row("x", "-90"), row(address, lat));
            assert!(Table::parse(bad.as_bytes()).is_err(), "{lat}");
        }
        assert!(
            complaint(&format!("[{}, {}]", row("x", "0"), row("x", "91"))).starts_with("its place 2 is none")
        );
        assert!(Table::parse(format!("[{}]", row(&"x".repeat(1_000), "90")).as_bytes()).is_ok());
        let many = |count| format!("[{}]", vec![row("x", "0"); count].join(","));
        assert!(Table::parse(many(MAX_PLACES).as_bytes()).is_ok());
        assert_eq!(complaint(&many(MAX_PLACES + 1)), "it has 10001 places: 1 to 10000 are possible");
    }

    /// S105: numbers are shown as Python shows them.
    #[test]
    fn a_location_is_shown_as_the_original_showed_it() {
        let shown = |lat: &str, lng: &str| {
            let number = |text| serde_json::from_str(text).unwrap();
            Location::new(number(lat), number(lng)).unwrap().to_string()
        };
        assert_eq!(shown("41.521954", "-84.306691"), "{'lat': 41.521954, 'lng': -84.306691}");
        assert_eq!(shown("41", "-84.0"), "{'lat': 41, 'lng': -84.0}");
        assert_eq!(shown("0.00012", "1.5e-5"), "{'lat': 0.00012, 'lng': 1.5e-05}");
        assert_eq!(shown("0.0", "-1e-10"), "{'lat': 0.0, 'lng': -1e-10}");
        assert_eq!(shown("51.50336349999999", "0.1276248"), "{'lat': 51.50336349999999, 'lng': 0.1276248}");
    }
}
