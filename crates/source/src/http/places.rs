//! Who is connected, and who has to go when it gets full.
//!
//! A sender that says nothing, or says it very slowly, holds a place but does no work. When all
//! places are taken, the one that has kept us waiting longest for its header goes, in favour of
//! the newcomer; then one that keeps us waiting for its body. A request that is complete is never
//! cut off. So a thousand slow connections cost a genuine sender nothing.

use super::limits::Network;
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// A body may take this long before its connection can be asked to make room, in milliseconds.
const BODY_GRACE: u64 = 1_000;

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// For a header, its first or its next.
    Header = 0,
    /// For the rest of a body.
    Body = 1,
    /// For us.
    Work = 2,
}

/// How a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// Over TCP, for all to read.
    Tcp,
    /// Over TCP with TLS.
    Tls,
    /// Through a Unix socket: from a program on this machine that was given access.
    Unix,
}

/// One connection, as the routes see it: a request extension (`Arc<Connection>`).
#[derive(Debug)]
pub struct Connection {
    /// Who is at the other end of the socket; a reverse proxy, if there is one. Loopback with
    /// port 0 for a Unix socket.
    pub peer: SocketAddr,
    /// How it came in.
    pub road: Road,
    certificates: OnceLock<Arc<[Vec<u8>]>>,
    number: u64,
    key: IpAddr,
    born: Instant,
    /// The phase in the lowest two bits, its begin in milliseconds since the start above them.
    state: AtomicU64,
    leave: AtomicBool,
    linger: AtomicBool,
    told: Notify,
}

/// What the house asks of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// End after the request under way.
    Finish,
    /// End now.
    Leave,
}

impl Connection {
    /// The client's certificates as DER, its own first; empty when it showed none. It has proven
    /// that it holds the key of the first; nothing else about them was checked.
    pub fn certificates(&self) -> Arc<[Vec<u8>]> {
        self.certificates.get().cloned().unwrap_or_default()
    }

    /// Notes the certificates that the handshake brought.
    pub(super) fn identify(&self, chain: Arc<[Vec<u8>]>) {
        // There is one handshake, so nothing is there yet.
        _ = self.certificates.set(chain);
    }

    /// Whose word about forwarded addresses counts on this connection: the listed proxies', and
    /// that of whoever was given access to our Unix socket, which can only be a proxy.
    pub(super) fn proxies<'a>(&self, listed: &'a [Network]) -> Cow<'a, [Network]> {
        match self.road {
            Road::Tcp | Road::Tls => Cow::Borrowed(listed),
            Road::Unix => Cow::Owned([listed, &[Network::of(self.peer.ip())]].concat()),
        }
    }

    /// Notes what it waits for from now on.
    pub(super) fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.state
            .store(since << 2 | phase as u64, Ordering::Relaxed);
    }

    /// Notes that an answer was given before the request was read to its end. Closing such a
    /// socket at once would reset it, and the sender might never see the answer.
    pub(super) fn answer_early(&self) {
        self.linger.store(true, Ordering::Relaxed);
    }

    pub(super) fn answered_early(&self) -> bool {
        self.linger.load(Ordering::Relaxed)
    }

    /// Waits until something is asked of this connection.
    pub(super) async fn order(&self) -> Order {
        self.told.notified().await;
        if self.told_to_leave() {
            Order::Leave
        } else {
            Order::Finish
        }
    }

    pub(super) fn told_to_leave(&self) -> bool {
        self.leave.load(Ordering::Acquire)
    }

    fn tell(&self, order: Order) {
        if order == Order::Leave {
            self.leave.store(true, Ordering::Release);
        }
        self.told.notify_one();
    }

    /// How readily it is given up: lower goes first; `None` never.
    fn worth(&self) -> Option<u64> {
        let state = self.state.load(Ordering::Relaxed);
        let since = state >> 2;
        match state & 3 {
            0 => Some(since),
            1 => {
                let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
                (now.saturating_sub(since) >= BODY_GRACE).then_some(since | 1 << 62)
            }
            _ => None,
        }
    }
}

/// All places of all listeners.
#[derive(Debug)]
pub(super) struct Places {
    total: usize,
    per_address: usize,
    born: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
    addresses: HashMap<IpAddr, usize>,
}

impl Places {
    pub(super) fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            total: total.max(1),
            per_address: per_address.max(1),
            born: Instant::now(),
            taken: Mutex::default(),
        })
    }

    /// A place for a newcomer, if need be at the cost of one that is only being waited for; `None`
    /// when all are at work.
    pub(super) fn take(self: &Arc<Self>, peer: SocketAddr, road: Road) -> Option<Place> {
        let key = key(peer.ip());
        let share = if key.is_loopback() {
            self.total
        } else {
            self.per_address
        };
        let mut taken = self.lock();
        if taken.addresses.get(&key).copied().unwrap_or(0) >= share {
            taken.give_up_one(|connection| connection.key == key)?;
        } else if taken.connections.len() >= self.total {
            taken.give_up_one(|_| true)?;
        }
        let number = taken.next;
        taken.next += 1;
        let connection = Arc::new(Connection {
            peer,
            road,
            certificates: OnceLock::new(),
            number,
            key,
            born: self.born,
            state: AtomicU64::new(0),
            leave: AtomicBool::new(false),
            linger: AtomicBool::new(false),
            told: Notify::new(),
        });
        connection.enter(Phase::Header);
        taken.connections.insert(number, Arc::clone(&connection));
        *taken.addresses.entry(key).or_insert(0) += 1;
        Some(Place {
            connection,
            places: Arc::clone(self),
        })
    }

    /// Frees a place, and so a file descriptor, if anyone can be spared.
    pub(super) fn make_room(&self) {
        self.lock().give_up_one(|_| true);
    }

    /// Asks the same of everyone.
    pub(super) fn tell_all(&self, order: Order) {
        for connection in self.lock().connections.values() {
            connection.tell(order);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn give_up_one(&mut self, eligible: impl Fn(&Connection) -> bool) -> Option<()> {
        let (_, number) = self
            .connections
            .values()
            .filter(|connection| eligible(connection))
            .filter_map(|connection| Some((connection.worth()?, connection.number)))
            .min()?;
        let connection = self.remove(number)?;
        connection.tell(Order::Leave);
        Some(())
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Connection>> {
        let connection = self.connections.remove(&number)?;
        if let Some(count) = self.addresses.get_mut(&connection.key) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&connection.key);
            }
        }
        Some(connection)
    }
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: Arc<Connection>,
    places: Arc<Places>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.connection.number);
    }
}

/// Whom an address stands for: itself, or for IPv6 its /64, which is what one household gets.
pub(super) fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 1))
    }

    fn told_to_leave(place: &Place) -> bool {
        place.connection.told_to_leave()
    }

    #[test]
    fn when_full_the_longest_silent_connection_makes_room() {
        let places = Places::new(2, 2);
        let first = places.take(peer(1), Road::Tcp).unwrap();
        let second = places.take(peer(2), Road::Tcp).unwrap();
        first.connection.enter(Phase::Work);
        let third = places.take(peer(3), Road::Tcp).unwrap();
        assert!(!told_to_leave(&first) && told_to_leave(&second));
        third.connection.enter(Phase::Work);
        assert!(places.take(peer(4), Road::Tcp).is_none(), "all are at work");
        drop(first);
        assert!(places.take(peer(4), Road::Tcp).is_some());
    }

    #[test]
    fn one_address_takes_only_its_share_and_makes_room_among_its_own() {
        let places = Places::new(10, 2);
        let other = places.take(peer(9), Road::Tcp).unwrap();
        let first = places.take(peer(1), Road::Tcp).unwrap();
        let second = places.take(peer(1), Road::Tcp).unwrap();
        let _third = places.take(peer(1), Road::Tcp).unwrap();
        assert!(told_to_leave(&first) && !told_to_leave(&second) && !told_to_leave(&other));
        assert_eq!(places.lock().connections.len(), 3);
    }

    #[test]
    fn an_evicted_place_is_counted_once() {
        let places = Places::new(1, 1);
        let first = places.take(peer(1), Road::Tcp).unwrap();
        let second = places.take(peer(1), Road::Tcp).unwrap();
        drop(first);
        assert_eq!(places.lock().addresses.values().sum::<usize>(), 1);
        drop(second);
        assert!(places.lock().addresses.is_empty());
    }

    #[test]
    fn a_body_under_way_is_spared_for_a_while() {
        let places = Places::new(1, 1);
        let first = places.take(peer(1), Road::Tcp).unwrap();
        first.connection.enter(Phase::Body);
        assert!(places.take(peer(2), Road::Tcp).is_none());
    }

    #[test]
    fn an_ipv6_household_is_one_address() {
        let a = key("2001:db8::1".parse().unwrap());
        assert_eq!(a, key("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(a, key("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(
            key("::ffff:10.0.0.1".parse().unwrap()).to_string(),
            "10.0.0.1"
        );
        assert!(key("::1".parse().unwrap()).is_loopback());
    }
}
