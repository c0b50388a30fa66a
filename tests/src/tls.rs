//! TLS in front of a plain server, well-behaved or not, with certificates of an authority made for the test.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

/// Pause of a connection on which nothing happens, and between two pieces.
const PAUSE: Duration = Duration::from_micros(100);
/// Size of one read.
const READ: usize = 16 * 1024;

/// Authorities made so far; each has a name of its own.
static AUTHORITIES: AtomicU64 = AtomicU64::new(0);

/// Someone who issues certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// How a server behaves under TLS.
#[derive(Debug, Clone, Copy)]
pub struct TlsManners {
    /// The name or address that its certificate is for.
    pub name: &'static str,
    /// The certificate's time is over.
    pub expired: bool,
    /// The only version that it speaks.
    pub version: &'static SupportedProtocolVersion,
    /// Most bytes of a record.
    pub fragment: Option<usize>,
    /// Most bytes that are sent with one call.
    pub piece: usize,
    /// Whether it says that it closes before it does.
    pub says_goodbye: bool,
}

impl Default for TlsManners {
    fn default() -> Self {
        Self {
            name: "127.0.0.1",
            expired: false,
            version: &rustls::version::TLS13,
            fragment: None,
            piece: usize::MAX,
            says_goodbye: true,
        }
    }
}

impl Authority {
    /// One that nobody knows yet.
    ///
    /// # Errors
    ///
    /// No key can be made.
    pub fn new() -> Result<Self> {
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Its own certificate, as those have it who trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Speaks TLS on a free port and passes everything on to the plain server at `upstream`, until the process ends.
    ///
    /// # Errors
    ///
    /// The certificate cannot be made, or no port is free.
    pub fn front(&self, upstream: SocketAddr, manners: TlsManners) -> Result<SocketAddr> {
        let config = Arc::new(self.config(&manners)?);
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                // What goes wrong on a connection is for its client to see.
                thread::spawn(move || serve(&client, upstream, config, manners));
            }
        });
        Ok(address)
    }

    fn config(&self, manners: &TlsManners) -> Result<ServerConfig> {
        let mut params = CertificateParams::new(vec![manners.name.to_owned()])?;
        if manners.expired {
            (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        }
        let key = KeyPair::generate()?;
        let certificate = CertificateDer::from(params.signed_by(&key, &self.issuer)?);
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[manners.version])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.max_fragment_size = manners.fragment;
        Ok(config)
    }
}

fn serve(
    mut client: &TcpStream,
    upstream: SocketAddr,
    config: Arc<ServerConfig>,
    manners: TlsManners,
) -> Result<()> {
    let mut tls = ServerConnection::new(config)?;
    let mut server = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    let mut buffer = vec![0; READ];
    loop {
        let (mut moved, mut open) = (false, true);
        let mut failed = None;
        if let Some(bytes) = unless_empty(tls.read_tls(&mut client))? {
            (moved, open) = (true, bytes > 0);
            failed = tls.process_new_packets().err();
        }
        while let Ok(bytes @ 1..) = tls.reader().read(&mut buffer) {
            send(&server, buffer.get(..bytes).unwrap_or_default(), usize::MAX)?;
        }
        if let Some(bytes) = unless_empty(server.read(&mut buffer))? {
            moved = true;
            tls.writer().write_all(buffer.get(..bytes).unwrap_or_default())?;
            if bytes == 0 {
                open = false;
                if manners.says_goodbye {
                    tls.send_close_notify();
                }
            }
        }
        let mut output = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut output)?;
        }
        send(client, &output, manners.piece)?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        if !open {
            return Ok(());
        }
        if !moved {
            thread::sleep(PAUSE);
        }
    }
}

/// What a read brought; nothing if there was nothing to read.
fn unless_empty(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends everything, so many bytes at a time.
fn send(mut socket: &TcpStream, bytes: &[u8], piece: usize) -> io::Result<()> {
    let mut pieces = bytes.chunks(piece);
    let mut rest = pieces.next().unwrap_or_default();
    while !rest.is_empty() {
        match socket.write(rest) {
            Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
        if rest.is_empty()
            && let Some(next) = pieces.next()
        {
            thread::sleep(PAUSE);
            rest = next;
        }
    }
    Ok(())
}
