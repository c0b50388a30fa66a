//! A thread's connections: those that carry a request and those that wait for one.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use hpcbench_timing::{Monotonic, enable_receive_stamps};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::exchange::Exchange;
use super::habit::Habit;
use super::session::Session;
use crate::response::ResponseReader;
use crate::spec::Connections as Policy;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// Unique within the client.
    pub(super) id: u64,
    pub(super) endpoint: u16,
    /// The TCP handshake is done.
    pub(super) established: bool,
    /// Its TLS side, where TLS is spoken.
    pub(super) tls: Option<Box<Session>>,
    /// Requests that it carried before.
    pub(super) used: u64,
    /// Start of the last read that emptied the socket: what comes later arrived after it.
    pub(super) emptied_at: Monotonic,
    /// The poll that last reported it ready.
    pub(super) reported_in: u64,
    /// The request that it carries.
    pub(super) exchange: Option<Box<Exchange>>,
    /// What is still to come of a response whose request has ended; the next request has to wait for it.
    pub(super) rest: Option<Box<Rest>>,
    /// When it was begun.
    opened: Monotonic,
    /// When its last response ended.
    idle_since: Monotonic,
}

/// The rest of a response: its server has said that nothing more comes, and has not ended it.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) reader: ResponseReader,
    /// When the server said so.
    pub(super) since: Monotonic,
    /// Until when the end is waited for.
    pub(super) deadline: Monotonic,
}

/// When a server ends a response of which it has said that nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ResponseEnd {
    /// At once, or nobody knows.
    #[default]
    Prompt,
    /// Later, or never.
    Late,
}

/// The connections of one endpoint that wait for a request.
#[derive(Debug, Clone, Default)]
struct Waiting {
    /// What the endpoint's server does with them. Unless it keeps them, only one waits, and none is used again.
    habit: Habit,
    /// How its server ended the last response that was not complete with its last event.
    last_end: ResponseEnd,
    /// Their slots and ids; the last used is used next. Those that were closed meanwhile are found out when it is
    /// their turn.
    idle: VecDeque<(usize, u64)>,
}

/// All connections of a thread. A slot that was freed is used again only after the poll's reports are dealt with, so
/// that a late report cannot reach a stranger.
#[derive(Debug)]
pub(super) struct Connections {
    policy: Policy,
    slots: Vec<Option<Connection>>,
    free: Vec<usize>,
    freed_this_turn: Vec<usize>,
    /// What waits at each endpoint.
    waiting: Vec<Waiting>,
    /// Slots and ids of those that wait for the end of a response, or did.
    unfinished: VecDeque<(usize, u64)>,
    open: usize,
    /// Most that may be open before one that waits gives way to a new one.
    most: usize,
    next_id: u64,
    stamps: bool,
}

impl Connections {
    /// No connection yet, to any of `endpoints` endpoints. Ids start at `first_id`. `stamps` asks the kernel to stamp.
    pub(super) fn new(policy: Policy, endpoints: usize, first_id: u64, stamps: bool) -> Self {
        Self {
            policy,
            slots: Vec::new(),
            free: Vec::new(),
            freed_this_turn: Vec::new(),
            waiting: vec![Waiting::default(); endpoints],
            unfinished: VecDeque::new(),
            open: 0,
            most: usize::MAX,
            next_id: first_id,
            stamps,
        }
    }

    /// The same, but a new connection takes the place of one that waits where so many are open.
    pub(super) fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    pub(super) fn get(&mut self, slot: usize) -> Option<&mut Connection> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Begins to connect.
    pub(super) fn connect(
        &mut self,
        registry: &Registry,
        endpoint: u16,
        address: SocketAddr,
        exchange: Box<Exchange>,
    ) -> Result<usize, (io::Error, Box<Exchange>)> {
        if self.open >= self.most {
            self.make_room();
        }
        let opened = Monotonic::now();
        let socket = match self.open_socket(registry, address) {
            Ok(socket) => socket,
            Err(error) => return Err((error, exchange)),
        };
        let (socket, slot) = socket;
        self.next_id += 1;
        self.open += 1;
        let connection = Connection {
            socket,
            id: self.next_id - 1,
            endpoint,
            established: false,
            tls: None,
            used: 0,
            emptied_at: Monotonic(i64::MIN),
            reported_in: 0,
            exchange: Some(exchange),
            rest: None,
            opened,
            idle_since: Monotonic(i64::MIN),
        };
        match self.slots.get_mut(slot) {
            Some(place) => *place = Some(connection),
            None => self.slots.push(Some(connection)),
        }
        Ok(slot)
    }

    /// Closes one that waits: for the end of a response, or else the one that waited longest where most wait.
    fn make_room(&mut self) {
        while let Some(entry) = self.unfinished.pop_front() {
            if find(&self.slots, entry).is_some_and(|connection| connection.rest.is_some()) {
                self.close(entry.0);
                return;
            }
        }
        loop {
            // One that shows what its server does with connections stays.
            let kept = self
                .waiting
                .iter_mut()
                .filter(|waiting| waiting.habit == Habit::Keeps);
            let most = kept.max_by_key(|waiting| waiting.idle.len());
            let Some(entry) = most.and_then(|waiting| waiting.idle.pop_front()) else {
                return;
            };
            if find(&self.slots, entry).is_some() {
                self.close(entry.0);
                return;
            }
        }
    }

    /// Leaves a connection to wait for the end of a response whose request has ended.
    pub(super) fn await_end(&mut self, slot: usize, rest: Rest) {
        let Some(connection) = self.get(slot) else { return };
        connection.rest = Some(Box::new(rest));
        let entry = (slot, connection.id);
        if self.unfinished.len() > 2 * self.open + 16 {
            let slots = &self.slots;
            self.unfinished
                .retain(|entry| find(slots, *entry).is_some_and(|one| one.rest.is_some()));
        }
        self.unfinished.push_back(entry);
    }

    fn open_socket(&mut self, registry: &Registry, address: SocketAddr) -> io::Result<(TcpStream, usize)> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        if self.stamps {
            enable_receive_stamps(&socket)?;
        }
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        registry.register(&mut socket, Token(slot), Interest::READABLE | Interest::WRITABLE)?;
        self.free.pop();
        Ok((socket, slot))
    }

    /// Takes a waiting connection to `endpoint`, if there is one that is still open and may be used again.
    pub(super) fn take_idle(&mut self, endpoint: u16, now: Monotonic) -> Option<usize> {
        if self.habit(endpoint, now) != Habit::Keeps {
            return None;
        }
        let policy = self.policy;
        loop {
            let (slot, id) = self.waiting.get_mut(usize::from(endpoint))?.idle.pop_back()?;
            let Some(connection) = self.get(slot).filter(|connection| connection.id == id) else {
                continue;
            };
            if !may_go_on(policy, connection.opened, now) {
                self.close(slot);
                continue;
            }
            let Some(connection) = self.get(slot) else {
                continue;
            };
            if is_quiet(&connection.socket) {
                return Some(slot);
            }
            self.closed_while_idle(slot, now);
        }
    }

    /// Makes a connection that has carried its request wait for the next, or closes it if enough are waiting.
    pub(super) fn put_idle(&mut self, slot: usize, now: Monotonic) {
        let policy = self.policy;
        let Some(connection) = self.get(slot) else { return };
        if !may_go_on(policy, connection.opened, now) {
            self.close(slot);
            return;
        }
        connection.used += 1;
        connection.idle_since = now;
        let (endpoint, id) = (connection.endpoint, connection.id);
        let habit = self.habit(endpoint, now);
        let limit = 2 * self.open + 16;
        let Some(waiting) = self.waiting.get_mut(usize::from(endpoint)) else {
            return;
        };
        if habit != Habit::Keeps || waiting.idle.len() > limit {
            waiting.idle.retain(|entry| find(&self.slots, *entry).is_some());
        }
        if habit == Habit::Keeps || waiting.idle.is_empty() {
            waiting.idle.push_back((slot, id));
        } else {
            self.close(slot);
        }
    }

    /// What is known of an endpoint's server by now.
    fn habit(&mut self, endpoint: u16, now: Monotonic) -> Habit {
        let Some(waiting) = self.waiting.get_mut(usize::from(endpoint)) else {
            return Habit::Unknown;
        };
        if waiting.habit == Habit::Unknown {
            let mut open = waiting.idle.iter().filter_map(|entry| find(&self.slots, *entry));
            if let Some(probe) = open.next().filter(|probe| is_quiet(&probe.socket)) {
                waiting.habit.seen_open(now.nanos_since(probe.idle_since));
            }
        }
        waiting.habit
    }

    /// How `endpoint`'s server ends responses, as far as is known.
    pub(super) fn last_end(&self, endpoint: u16) -> ResponseEnd {
        let waiting = self.waiting.get(usize::from(endpoint));
        waiting.map(|waiting| waiting.last_end).unwrap_or_default()
    }

    /// Takes note of how `endpoint`'s server ended a response.
    pub(super) fn note_end(&mut self, endpoint: u16, end: ResponseEnd) {
        if let Some(waiting) = self.waiting.get_mut(usize::from(endpoint)) {
            waiting.last_end = end;
        }
    }

    /// Closes a waiting connection, as the server has done.
    pub(super) fn closed_while_idle(&mut self, slot: usize, now: Monotonic) {
        let Some(connection) = self.get(slot) else { return };
        let (endpoint, waited) = (connection.endpoint, now.nanos_since(connection.idle_since));
        let was_idle = connection.rest.is_none();
        self.close(slot);
        if !was_idle {
            return;
        }
        self.learn(endpoint, |habit| habit.seen_closed(waited));
    }

    /// A used connection to `endpoint` has ended under a request, before any answer.
    pub(super) fn lost_request(&mut self, endpoint: u16) {
        self.learn(endpoint, Habit::lost_request);
    }

    /// Learns something about an endpoint's server. Connections that are not to be used any more are closed.
    fn learn(&mut self, endpoint: u16, lesson: impl FnOnce(&mut Habit)) {
        let Some(waiting) = self.waiting.get_mut(usize::from(endpoint)) else {
            return;
        };
        lesson(&mut waiting.habit);
        if waiting.habit != Habit::Closes {
            return;
        }
        for entry in std::mem::take(&mut waiting.idle) {
            if find(&self.slots, entry).is_some() {
                self.close(entry.0);
            }
        }
    }

    /// Endpoints whose server closes connections, where they were to be used again.
    pub(super) fn closed_by(&self) -> impl Iterator<Item = u16> {
        let closes = |(endpoint, waiting): (usize, &Waiting)| {
            (waiting.habit == Habit::Closes).then_some(endpoint as u16)
        };
        self.waiting.iter().enumerate().filter_map(closes)
    }

    /// Closes a connection; returns the request that it carried.
    pub(super) fn close(&mut self, slot: usize) -> Option<Box<Exchange>> {
        let connection = self.slots.get_mut(slot)?.take()?;
        self.freed_this_turn.push(slot);
        self.open -= 1;
        // Closing the socket takes it out of the poll.
        connection.exchange
    }

    /// The poll's reports are dealt with: freed slots may be used again.
    pub(super) fn end_turn(&mut self) {
        self.free.append(&mut self.freed_this_turn);
    }

    /// Slots whose connection carries a request.
    pub(super) fn busy(&self) -> Vec<usize> {
        let carries = |one: &Option<Connection>| one.as_ref().is_some_and(|one| one.exchange.is_some());
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, one)| carries(one))
            .map(|(slot, _)| slot)
            .collect()
    }
}

/// The connection in a slot, if it still is the one with this id.
fn find(slots: &[Option<Connection>], (slot, id): (usize, u64)) -> Option<&Connection> {
    slots.get(slot)?.as_ref().filter(|connection| connection.id == id)
}

/// Whether a connection may carry another request.
fn may_go_on(policy: Policy, opened: Monotonic, now: Monotonic) -> bool {
    match policy {
        Policy::Fresh => false,
        Policy::Reuse { max_age: None } => true,
        Policy::Reuse { max_age: Some(age) } => now < opened.plus(age),
    }
}

/// Whether a waiting connection is open and has nothing to say. The server may have closed it just now.
fn is_quiet(socket: &TcpStream) -> bool {
    matches!(socket.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
