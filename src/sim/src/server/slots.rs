//! Places for connections, with keys that tell a place's successive tenants apart.

use mio::Token;

use super::connection::Connection;

/// Names one connection for as long as it lives; a later tenant of the same place has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    tenant: u32,
}

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct Slots {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Place {
    tenant: u32,
    connection: Option<Connection>,
}

impl Key {
    /// The key as the poll carries it.
    pub(super) const fn token(self) -> Token {
        Token(((self.tenant as usize) << 32) | self.slot as usize)
    }

    pub(super) const fn from_token(token: Token) -> Self {
        Self {
            slot: token.0 as u32,
            tenant: (token.0 >> 32) as u32,
        }
    }
}

impl Slots {
    /// The key that the next connection will get.
    pub(super) fn next_key(&self) -> Key {
        let slot = self.free.last().copied().unwrap_or(self.places.len() as u32);
        let tenant = self.places.get(slot as usize).map_or(0, |place| place.tenant);
        Key { slot, tenant }
    }

    /// Takes a connection in under [`next_key`](Self::next_key).
    pub(super) fn insert(&mut self, connection: Connection) {
        if let Some(place) = self
            .free
            .pop()
            .and_then(|slot| self.places.get_mut(slot as usize))
        {
            place.connection = Some(connection);
        } else {
            self.places.push(Place {
                tenant: 0,
                connection: Some(connection),
            });
        }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        let place = self.places.get_mut(key.slot as usize)?;
        if place.tenant == key.tenant {
            place.connection.as_mut()
        } else {
            None
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Connection> {
        let place = self
            .places
            .get_mut(key.slot as usize)
            .filter(|place| place.tenant == key.tenant)?;
        let connection = place.connection.take()?;
        // Half of the range, so that no tenant's token is one of those that are set aside.
        place.tenant = (place.tenant + 1) & (u32::MAX >> 1);
        self.free.push(key.slot);
        Some(connection)
    }

    /// Open connections.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
