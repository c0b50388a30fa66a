//! Whom to trust under TLS, and what to say where trust fails.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use serde::{Deserialize, Serialize};

/// The one protocol that is spoken inside of TLS.
const ALPN: &[u8] = b"http/1.1";

/// Largest file of certificates.
const MAX_CA_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// PEM file of the authorities that are trusted instead of the system's; none: the system's, which `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` may name.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether the server has to prove who it is.
    #[serde(default = "yes")]
    pub verify: bool,
}

const fn yes() -> bool {
    true
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            ca_file: None,
            verify: true,
        }
    }
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of authorities cannot be read.
    #[error("cannot read the CA file {}", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("the CA file {} cannot be used: {problem}; it must hold certificates in PEM format", path.display())]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system names no authorities.
    #[error(
        "this system has no CA certificates: install them, set SSL_CERT_FILE, or name the service's ca_file"
    )]
    NoSystemCertificates,
    /// No authority of the system could be read.
    #[error(
        "none of the system's CA certificates can be used; set SSL_CERT_FILE, or name the service's ca_file"
    )]
    SystemCertificates(#[source] rustls_native_certs::Error),
    /// The library refuses.
    #[error("TLS cannot be set up")]
    Setup(#[source] Error),
    /// The host's name is none.
    #[error("{0:?} is no name or address that a certificate can have")]
    ServerName(String),
}

/// Settings of connections for each trust: authorities are read once, and connections of one trust share sessions.
#[derive(Debug, Default)]
pub(crate) struct Configs(HashMap<Trust, Arc<ClientConfig>>);

impl Configs {
    pub(crate) fn get(&mut self, trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
        if let Some(known) = self.0.get(trust) {
            return Ok(Arc::clone(known));
        }
        let config = client_config(trust)?;
        self.0.insert(trust.clone(), Arc::clone(&config));
        Ok(config)
    }
}

/// Settings of a TLS client with this trust that speaks HTTP/1.1. Reads files.
///
/// # Errors
/// See [`TrustError`].
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Setup)?;
    let mut config = if trust.verify {
        let roots = match &trust.ca_file {
            Some(path) => from_file(path)?,
            None => from_system()?,
        };
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The name that a server has to prove: a host's name or address, without brackets.
///
/// # Errors
/// [`TrustError::ServerName`].
pub fn server_name(host: &str) -> Result<ServerName<'static>, TrustError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TrustError::ServerName(host.to_owned()))
}

fn from_file(path: &Path) -> Result<RootCertStore, TrustError> {
    let not_pem = |problem: String| TrustError::NotPem {
        path: path.to_owned(),
        problem,
    };
    let unread = |source| TrustError::CaFile {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unread)?.len() > MAX_CA_FILE_BYTES {
        return Err(not_pem("it is too large".to_owned()));
    }
    let text = std::fs::read(path).map_err(unread)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error: pem::Error| not_pem(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| not_pem(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(not_pem("it has no certificate".to_owned()));
    }
    Ok(roots)
}

fn from_system() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that no library reads; one of them is no reason to trust none.
    roots.add_parsable_certificates(found.certs);
    match found.errors.into_iter().next() {
        _ if !roots.is_empty() => Ok(roots),
        Some(error) => Err(TrustError::SystemCertificates(error)),
        None => Err(TrustError::NoSystemCertificates),
    }
}

/// What a failed handshake means, and what to do about it.
pub fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => explain_certificate(problem),
        Error::InvalidMessage(_) => {
            format!("the server does not speak TLS, an http:// URL may be meant ({error})")
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("the server speaks no version of TLS, or no ciphers, that are safe ({error})")
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know the host's name: use in `endpoints` a name that it has".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a certificate of the client, which hpcbench does not send".to_owned()
        }
        other => other.to_string(),
    }
}

fn explain_certificate(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "the server's certificate is from an unknown issuer: name its authority's certificate as `ca_file`".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the server's certificate has expired: it has to be renewed, or this host's clock is wrong ({problem})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the server's certificate is not valid yet: is this host's clock right? ({problem})")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is for another name: use in `endpoints` a name that it has ({problem})")
        }
        other => format!("the server's certificate cannot be trusted: {other}"),
    }
}

/// Takes any certificate; that the server has its key is still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
