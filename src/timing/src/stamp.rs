//! Receive stamps of the kernel on TCP sockets.

use std::io::{self, IoSliceMut};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, TimestampingFlag, recvmsg, setsockopt, sockopt,
};

use crate::clock::Realtime;

/// Room for control messages: a stamp takes 64 bytes; the rest is for what other options may add.
const CONTROL_BYTES: usize = 128;

/// Control messages begin on the boundary of their header.
#[repr(align(8))]
struct ControlBuffer([u8; CONTROL_BYTES]);

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes written to the buffer; 0 means that the peer has closed its side.
    pub bytes: usize,
    /// When the last of these bytes reached this host, on the kernel's clock. One stamp covers a whole read: where
    /// the kernel merged segments it keeps only the last one's.
    pub stamp: Option<Realtime>,
}

/// Asks the kernel to stamp what arrives on `socket`. Every later read by [`recv_stamped`] can carry a stamp.
///
/// # Errors
/// The kernel's refusal, on systems without `SO_TIMESTAMPING`; reads then have no stamp.
pub fn enable_receive_stamps(socket: &impl AsFd) -> io::Result<()> {
    let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    Ok(setsockopt(socket, sockopt::Timestamping, &flags)?)
}

/// Reads from `socket` into `buffer`, with the kernel's receive stamp if it gave one. Does not allocate.
///
/// # Errors
/// Those of `recvmsg(2)`; [`io::ErrorKind::WouldBlock`] when a non-blocking socket is empty. An interrupted call is
/// repeated.
pub fn recv_stamped(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = ControlBuffer([0; CONTROL_BYTES]);
    loop {
        let mut parts = [IoSliceMut::new(buffer)];
        let received = recvmsg::<SockaddrIn>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control.0),
            MsgFlags::empty(),
        );
        match received {
            Ok(message) => {
                let stamp = message
                    .cmsgs()
                    .ok()
                    .and_then(|mut all| all.find_map(|one| stamp_of(&one)));
                return Ok(Received {
                    bytes: message.bytes,
                    stamp,
                });
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The software stamp in a control message. The kernel leaves it zero where only hardware stamped.
fn stamp_of(message: &ControlMessageOwned) -> Option<Realtime> {
    let ControlMessageOwned::ScmTimestampsns(stamps) = message else {
        return None;
    };
    let nanos = stamps.system.tv_sec() * 1_000_000_000 + stamps.system.tv_nsec();
    (nanos != 0).then_some(Realtime(nanos))
}

/// Keeps the kernel stamping for as long as it lives.
///
/// Stamping is a switch of the whole kernel, thrown by the first socket that asks and a little after it asked: what
/// arrives meanwhile has no stamp. Hold one of these from before the first measured connection.
#[derive(Debug)]
pub struct StampKeeper {
    _socket: TcpListener,
}

impl StampKeeper {
    /// Asks for stamps on a socket of its own, which listens on the loopback interface and accepts nobody.
    ///
    /// # Errors
    /// No socket can be had, or the kernel refuses to stamp.
    pub fn new() -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0))?;
        enable_receive_stamps(&socket)?;
        Ok(Self { _socket: socket })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::arrival::{Arrival, ArrivalSource};
    use crate::clock::Monotonic;
    use crate::paired::{ClockReading, PairedClock};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_late_read_still_has_the_time_of_the_arrival() {
        let _keeper = StampKeeper::new().unwrap();
        let (client, mut server) = pair();
        enable_receive_stamps(&client).unwrap();
        // The kernel throws its switch from a work queue.
        std::thread::sleep(Duration::from_millis(50));
        let before = Realtime::now();
        server.write_all(b"hello").unwrap();
        let after = Realtime::now();
        std::thread::sleep(Duration::from_millis(20));
        let mut buffer = [0; 64];
        let received = recv_stamped(&client, &mut buffer).unwrap();
        assert_eq!(received.bytes, 5);
        let stamp = received.stamp.unwrap();
        assert!(
            stamp >= before && stamp <= after,
            "{before:?} {stamp:?} {after:?}"
        );
    }

    #[test]
    fn stamps_resolve_to_the_monotonic_clock() {
        let _keeper = StampKeeper::new().unwrap();
        let (client, mut server) = pair();
        enable_receive_stamps(&client).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let sent = Monotonic::now();
        server.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let mut clock = PairedClock::new();
        while clock.to_monotonic(Realtime(0)).is_none() {
            clock.observe(ClockReading::take());
        }
        let received = recv_stamped(&client, &mut [0; 8]).unwrap();
        let read = Monotonic::now();
        let arrival = Arrival::resolve(received.stamp, &clock, sent, read);
        assert_eq!(arrival.source, ArrivalSource::Kernel);
        assert!(arrival.lag_nanos(read) >= 10_000_000, "{arrival:?}");
    }

    #[test]
    fn without_the_option_there_is_no_stamp() {
        let (client, mut server) = pair();
        server.write_all(b"x").unwrap();
        assert_eq!(
            recv_stamped(&client, &mut [0; 8]).unwrap(),
            Received {
                bytes: 1,
                stamp: None
            }
        );
        drop(server);
        assert_eq!(
            recv_stamped(&client, &mut [0; 8]).unwrap(),
            Received {
                bytes: 0,
                stamp: None
            }
        );
    }

    #[test]
    fn an_empty_socket_would_block() {
        let (client, _server) = pair();
        client.set_nonblocking(true).unwrap();
        let error = recv_stamped(&client, &mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
