//! The TLS side of one connection, between buffers: no sockets, no clocks.

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, Error};

/// Most bytes that may wait for the rest of their record or handshake message. A record has up to 16 KiB and a little
/// more, a chain of certificates some KiB.
const MAX_PARTIAL_BYTES: usize = 48 * 1024;

/// Bytes that encryption adds to a record, at most.
const RECORD_OVERHEAD: usize = 64;

/// Bytes of plain text in a record.
const RECORD_BYTES: usize = 16 * 1024;

/// The TLS side of one connection.
pub(super) struct Session {
    tls: UnbufferedClientConnection,
    /// Ciphertext to send, of which the kernel has taken `taken` bytes.
    output: Vec<u8>,
    taken: usize,
    /// The beginning of a record whose rest has not arrived.
    partial: Vec<u8>,
    /// Requests may be sent.
    pub(super) established: bool,
    /// The server has said that nothing more comes.
    pub(super) peer_closed: bool,
}

impl Session {
    pub(super) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        Ok(Self {
            tls: UnbufferedClientConnection::new(config, name)?,
            output: Vec::new(),
            taken: 0,
            partial: Vec::new(),
            established: false,
            peer_closed: false,
        })
    }

    /// Puts what waits for its rest at the start of `buffer`; how much that is. New ciphertext belongs behind it.
    pub(super) fn restore(&self, buffer: &mut [u8]) -> usize {
        match buffer.get_mut(..self.partial.len()) {
            Some(start) => start.copy_from_slice(&self.partial),
            None => return 0,
        }
        self.partial.len()
    }

    /// Takes in ciphertext, which begins with what [`restore`](Self::restore) put there, and hands on what each record
    /// carries. Whether the last byte of `buffer` belongs to something that was handed on.
    pub(super) fn open(&mut self, buffer: &mut [u8], mut payload: impl FnMut(&[u8])) -> Result<bool, Error> {
        let (mut start, mut ends_with_payload) = (0, false);
        loop {
            let rest = buffer.get_mut(start..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(rest);
            let mut goes_on = true;
            let state = match state {
                Ok(state) => state,
                Err(error) => {
                    self.give_up(buffer.get_mut(start + discard..).unwrap_or_default());
                    return Err(error);
                }
            };
            let carried = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        payload(record.payload);
                    }
                    true
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.output, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(needed)) => Err(needed.required_size),
                        written => Ok(written.ok()),
                    })?;
                    false
                }
                ConnectionState::TransmitTlsData(data) => {
                    // It lies in `output`, and goes out in order.
                    data.done();
                    false
                }
                ConnectionState::PeerClosed => {
                    self.peer_closed = true;
                    false
                }
                ConnectionState::WriteTraffic(_) => {
                    self.established = true;
                    goes_on = false;
                    false
                }
                _ => {
                    goes_on = false;
                    false
                }
            };
            start += discard;
            if carried {
                ends_with_payload = true;
            } else if discard > 0 {
                ends_with_payload = false;
            }
            if !goes_on {
                return self.keep(buffer.get(start..).unwrap_or_default(), ends_with_payload);
            }
        }
    }

    fn keep(&mut self, rest: &[u8], ends_with_payload: bool) -> Result<bool, Error> {
        self.partial.clear();
        if self.peer_closed {
            return Ok(ends_with_payload && rest.is_empty());
        }
        if rest.len() > MAX_PARTIAL_BYTES {
            return Err(Error::General(
                "a handshake message of the server is too large".to_owned(),
            ));
        }
        self.partial.extend_from_slice(rest);
        Ok(ends_with_payload && rest.is_empty())
    }

    /// Encrypts a request; its ciphertext is what there is to send then.
    pub(super) fn seal(&mut self, request: &[u8]) -> Result<(), Error> {
        let room = request.len() + (request.len() / RECORD_BYTES + 2) * RECORD_OVERHEAD;
        // The library remembers what lies at the beginning of its input, and wants to see it again.
        let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut self.partial);
        let ConnectionState::WriteTraffic(mut traffic) = state? else {
            return Err(Error::General("the connection takes no request now".to_owned()));
        };
        self.output.reserve(room);
        append(&mut self.output, |room| match traffic.encrypt(request, room) {
            Err(EncryptError::InsufficientSize(needed)) => Err(needed.required_size),
            written => Ok(written.ok()),
        })
    }

    /// Ciphertext to send.
    pub(super) fn unsent(&self) -> &[u8] {
        self.output.get(self.taken..).unwrap_or_default()
    }

    /// The kernel has taken so much of it.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= self.output.len() {
            self.output.clear();
            self.taken = 0;
        }
    }

    /// After an error: puts the alert that tells the server of it into the output. `rest` is what was not used.
    fn give_up(&mut self, rest: &mut [u8]) {
        self.partial.clear();
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = self.tls.process_tls_records(rest).state {
            // Without an alert the server only learns less.
            let _ = append(&mut self.output, |room| match data.encode(room) {
                Err(EncodeError::InsufficientSize(needed)) => Err(needed.required_size),
                written => Ok(written.ok()),
            });
        }
    }
}

/// Appends what `write` puts into the room that it is given; it names the size where that is not enough.
fn append(
    output: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<Option<usize>, usize>,
) -> Result<(), Error> {
    let start = output.len();
    let mut room = output.capacity() - start;
    loop {
        output.resize(start + room, 0);
        match write(output.get_mut(start..).unwrap_or_default()) {
            Ok(Some(written)) => {
                output.truncate(start + written);
                return Ok(());
            }
            Err(needed) if needed > room => room = needed,
            _ => {
                output.truncate(start);
                return Err(Error::EncryptError);
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("established", &self.established)
            .field("peer_closed", &self.peer_closed)
            .finish_non_exhaustive()
    }
}
