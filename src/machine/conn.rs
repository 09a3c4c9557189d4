//! Handles of streams, and a map with these as keys.

use std::fmt;

/// The handle of one stream of one host.
///
/// An address would not do: four connections may go to one address. The index is dense, so a machine can keep
/// what it knows of a connection in a [`ConnMap`]; the generation tells a connection from the next one that
/// gets the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Conn {
    /// The dense index: the smallest one that was free when the connection began.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How many connections had this index before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Display for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// What a machine keeps for each of its connections: a vector by [`Conn::index`], iterated in index order.
#[derive(Clone, Debug)]
pub struct ConnMap<T> {
    slots: Vec<Option<(u32, T)>>,
    len: usize,
}

impl<T> Default for ConnMap<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), len: 0 }
    }
}

impl<T> ConnMap<T> {
    /// How many connections have a value.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no connection has a value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the value of a connection; gives back what stood at its index before.
    pub fn insert(&mut self, conn: Conn, value: T) -> Option<T> {
        if self.slots.len() <= conn.index() {
            self.slots.resize_with(conn.index() + 1, || None);
        }
        let before = self.slots[conn.index()].replace((conn.generation, value));
        self.len += usize::from(before.is_none());
        before.map(|(_, value)| value)
    }

    /// The value of a connection.
    pub fn get(&self, conn: Conn) -> Option<&T> {
        match self.slots.get(conn.index()) {
            Some(Some((generation, value))) if *generation == conn.generation => Some(value),
            _ => None,
        }
    }

    /// The value of a connection, to change.
    pub fn get_mut(&mut self, conn: Conn) -> Option<&mut T> {
        match self.slots.get_mut(conn.index()) {
            Some(Some((generation, value))) if *generation == conn.generation => Some(value),
            _ => None,
        }
    }

    /// Takes the value of a connection out.
    pub fn remove(&mut self, conn: Conn) -> Option<T> {
        self.get(conn)?;
        self.len -= 1;
        self.slots[conn.index()].take().map(|(_, value)| value)
    }

    /// All connections with their values, by index.
    pub fn iter(&self) -> impl Iterator<Item = (Conn, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let (generation, value) = slot.as_ref()?;
            Some((Conn { index: index as u32, generation: *generation }, value))
        })
    }

    /// All connections with their values to change, by index.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Conn, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let (generation, value) = slot.as_mut()?;
            Some((Conn { index: index as u32, generation: *generation }, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Conn = Conn { index: 2, generation: 0 };
    const NEXT: Conn = Conn { index: 2, generation: 1 };

    #[test]
    fn a_connection_does_not_find_the_value_of_the_one_before_it() {
        let mut map = ConnMap::default();
        assert_eq!(map.insert(FIRST, 'a'), None);
        assert_eq!(map.remove(NEXT), None);
        assert_eq!((map.get(FIRST), map.get(NEXT)), (Some(&'a'), None));
        assert_eq!(map.insert(NEXT, 'b'), Some('a'));
        assert_eq!((map.get(FIRST), map.get(NEXT), map.len()), (None, Some(&'b'), 1));
        assert_eq!(map.get_mut(FIRST), None);
    }

    #[test]
    fn iteration_is_by_index() {
        let mut map = ConnMap::default();
        map.insert(FIRST, 'c');
        map.insert(Conn { index: 0, generation: 7 }, 'a');
        assert_eq!(map.iter().map(|(_, value)| *value).collect::<String>(), "ac");
        assert_eq!(map.remove(FIRST), Some('c'));
        assert!(map.len() == 1 && !map.is_empty());
    }
}
