//! Which servers are trusted, and how the client shows itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use waldur_api_client::{ClientBuilder, Error, Method};

use crate::TOKEN;
use crate::common::{client_builder_at, quick};

/// An authority, and a server with a certificate of it.
struct Site {
    url: String,
    ca: CertifiedIssuer<'static, KeyPair>,
}

static COUNT: AtomicU64 = AtomicU64::new(1);

fn ca() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    // Authorities of one name are one to some.
    let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Site {
    async fn start(asks_for_certificate: bool) -> Self {
        let ca = ca();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &ca).unwrap();
        // Said, since a build of the whole workspace has two of them.
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = if asks_for_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let mut buffer = [0; 4096];
                    loop {
                        let length = stream.read(&mut buffer).await?;
                        if length == 0 {
                            break;
                        }
                        if buffer[..length].windows(10).any(|part| part.eq_ignore_ascii_case(b"\r\nupgrade:"))
                        {
                            let head = b"HTTP/1.1 101 ok\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
                            stream.write_all(head).await?;
                            let (mut read, mut write) = tokio::io::split(stream);
                            tokio::io::copy(&mut read, &mut write).await?;
                            break;
                        }
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await?;
                    }
                    Ok::<(), std::io::Error>(())
                });
            }
        });
        Self { url, ca }
    }

    fn builder(&self) -> ClientBuilder {
        client_builder_at(&self.url, TOKEN).no_proxy().retry(quick())
    }

    fn client_pem(&self) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["agent".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        format!("{}{}", certificate.pem(), key.serialize_pem())
    }
}

async fn ask(builder: ClientBuilder) -> Result<(), Error> {
    builder.build()?.request(Method::POST, "/a/").send().await.map(drop)
}

#[tokio::test]
async fn only_trusted_servers_are_talked_to() {
    let site = Site::start(false).await;
    let error = ask(site.builder()).await.unwrap_err();
    assert!(error.is_transport() && !error.is_ambiguous(), "{error:?}");
    // What isn't trusted won't be at another try; the system's TLS doesn't tell it from a connection that failed.
    assert_eq!(
        error.attempts(),
        if cfg!(any(feature = "rustls-ring", feature = "rustls-aws-lc")) { 1 } else { 4 },
        "{error:?}"
    );
    let host = site.url.trim_start_matches("https://");
    let text = format!("connection to {host} failed: certificate not trusted: ");
    assert!(error.to_string().contains(&text), "{error}");
    ask(site.builder().ca_pem(site.ca.pem())).await.unwrap();
    ask(site.builder().ca_pem(format!("{}{}", ca().pem(), site.ca.pem()))).await.unwrap();
    ask(site.builder().ca_pem(ca().pem())).await.unwrap_err();
    ask(site.builder().danger_accept_any_certificate()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, site.ca.pem()).unwrap();
    ask(site.builder().ca_file(&file)).await.unwrap();
}

#[tokio::test]
async fn the_client_shows_its_certificate() {
    let site = Site::start(true).await;
    let builder = || site.builder().ca_pem(site.ca.pem());
    let error = ask(builder()).await.unwrap_err();
    assert!(error.to_string().contains(" failed: "), "{error}");
    ask(builder().client_certificate_pem(site.client_pem())).await.unwrap();
}

#[tokio::test]
async fn upgraded_connections_trust_and_show_the_same_certificates() {
    let site = Site::start(true).await;
    let url = format!("{}/events", site.url);
    let upgrade = async |builder: ClientBuilder| {
        builder.build().unwrap().upgrade(&url, "echo", http::HeaderMap::new()).await
    };
    let error = upgrade(site.builder()).await.unwrap_err();
    assert!(error.to_string().contains("certificate not trusted") && error.path() == "/events", "{error}");
    let trusting = site.builder().ca_pem(site.ca.pem()).client_certificate_pem(site.client_pem());
    let (mut connection, headers) = upgrade(trusting).await.unwrap();
    assert_eq!(headers["upgrade"], "echo");
    connection.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test]
async fn wrong_files_are_named() {
    let site = Site::start(false).await;
    for (builder, name) in [
        (site.builder().ca_pem("nonsense"), "ca_pem"),
        (site.builder().ca_file("/nowhere/ca.pem"), "ca_file"),
        (site.builder().client_certificate_pem("nonsense"), "client_certificate_pem"),
        (site.builder().client_certificate_pem(site.ca.pem()), "client_certificate_pem"),
        (site.builder().client_certificate_file("/nowhere/a.pem"), "client_certificate_file"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.is_configuration() && error.to_string().contains(name), "{name}: {error}");
    }
}
