//! What each input and each effect does in each world: the table of `lossproof::machine::worlds`, cell by cell.
//!
//! A row of the table is a function here: a scene of two hosts, `a` and `b`, that is played in the world it is given, and
//! what the row says of it. Each is three tests, named after the row and the world. A row of which the table says that it
//! is the same everywhere may not ask where it is.

mod beyond;
mod edges;
mod effects;
mod inputs;
mod misuses;
mod play;
mod puppet;
mod sockets;
mod table;

use play::World;

/// One cell of the table.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) row: &'static str,
    world: World,
}

impl Cell {
    /// Whether its harness is another: there are things that cannot be brought about in the same way everywhere.
    fn is_on_turmoil(self) -> bool {
        self.world == World::Turmoil
    }

    fn is_on_sockets(self) -> bool {
        self.world == World::Sockets
    }

    /// Where it is, for a row that is not the same everywhere.
    fn world(self) -> World {
        assert!(!table::is_same(self.row), "the table says that '{}' is the same in all worlds", self.row);
        self.world
    }
}

/// Makes three tests of each row, and a list of all.
macro_rules! rows {
    ($($row:ident)*) => {
        $(mod $row {
            use crate::Cell;
            use crate::play::World;

            #[test]
            fn engine() {
                super::$row(Cell { row: stringify!($row), world: World::Engine });
            }

            #[test]
            fn turmoil() {
                super::$row(Cell { row: stringify!($row), world: World::Turmoil });
            }

            #[test]
            fn sockets() {
                super::$row(Cell { row: stringify!($row), world: World::Sockets });
            }
        })*

        /// The rows of this file.
        pub(crate) const ROWS: &[&str] = &[$(stringify!($row)),*];
    };
}
pub(crate) use rows;
