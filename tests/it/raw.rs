//! An instance that says exactly what a test tells it, byte for byte, behind the sandbox's token endpoint.

use std::sync::{Arc, Mutex};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::token::TrustedHost;
use sfmc_auth_proxy::{app, sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::harness::{Stage, resolved, tenant_settings};

/// One request as it stood on the wire.
#[derive(Debug, Clone)]
pub struct Heard {
    pub head: String,
    /// As long as `Content-Length` says.
    pub body: Vec<u8>,
    /// `localhost:PORT`
    pub authority: String,
    /// How many came before it.
    pub before: usize,
}

impl Heard {
    /// Every value of a header.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let named = lines.filter(|(key, _value)| key.eq_ignore_ascii_case(name));
        named.map(|(_key, value)| value.trim()).collect()
    }

    pub fn body_text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// What a test says to a request.
pub struct Said {
    pub bytes: Vec<u8>,
    /// Said only after the gate has been given a permit.
    pub later: Option<(Arc<Semaphore>, Vec<u8>)>,
    /// Close the connection afterwards, without a farewell.
    pub hang_up: bool,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for Said {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            later: None,
            hang_up: false,
        }
    }
}

type Mouth = dyn Fn(&Heard) -> Said + Send + Sync;

/// The instance, and what it received.
pub struct Raw {
    pub stage: Stage,
    pub port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Raw {
    /// A stage whose every call gets these bytes for an answer. `{authority}` in them is the instance's own.
    pub async fn answering(answer: &str, change_proxy: impl FnOnce(&mut Resolved)) -> Self {
        let answer = answer.to_owned();
        let mouth = move |heard: &Heard| answer.replace("{authority}", &heard.authority).into();
        Self::speaking(mouth, change_proxy).await
    }

    /// A stage whose calls, REST and SOAP, get what a function says.
    pub async fn speaking(
        mouth: impl Fn(&Heard) -> Said + Send + Sync + 'static,
        change_proxy: impl FnOnce(&mut Resolved),
    ) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = certified.cert.der().clone();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::new(mouth),
            Arc::clone(&heard),
        ));

        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let url = format!("https://localhost:{port}/");
        tenant.set_instance_urls(&url, &url);
        let mut resolved = resolved(&tenant);
        let acme = &mut resolved.proxy.tenants[0];
        acme.endpoint.lock.trusted.push(TrustedHost {
            host: "localhost".to_owned(),
            port: Some(port),
        });
        let roots = acme.extra_roots.iter().cloned().chain([certificate]);
        acme.extra_roots = Arc::new(roots.collect());
        change_proxy(&mut resolved);
        let proxy = app::start(resolved).await.unwrap();
        Self {
            stage: Stage { tenant, proxy },
            port,
            heard,
        }
    }

    /// The heads of all requests so far, as they stood on the wire.
    pub fn heads(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.head).collect()
    }

    /// All requests so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    mouth: Arc<Mouth>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
    while let Ok((stream, _peer)) = listener.accept().await {
        let (acceptor, mouth, heard) = (acceptor.clone(), Arc::clone(&mouth), Arc::clone(&heard));
        let authority = authority.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            while let Some(said) = listen(&mut stream, &authority, &mouth, &heard).await {
                if say(&mut stream, said).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// One request, and what to say to it.
async fn listen(
    stream: &mut TlsStream<TcpStream>,
    authority: &str,
    mouth: &Arc<Mouth>,
    heard: &Mutex<Vec<Heard>>,
) -> Option<Said> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut request = Heard {
        head: String::from_utf8(head).unwrap(),
        body: Vec::new(),
        authority: authority.to_owned(),
        before: 0,
    };
    let length = request.values("content-length").first().copied();
    request.body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut request.body).await.ok()?;
    let mut heard = heard.lock().unwrap();
    request.before = heard.len();
    heard.push(request.clone());
    Some(mouth(&request))
}

async fn say(stream: &mut TlsStream<TcpStream>, said: Said) -> std::io::Result<()> {
    stream.write_all(&said.bytes).await?;
    stream.flush().await?;
    if let Some((gate, bytes)) = said.later {
        gate.acquire().await.unwrap().forget();
        stream.write_all(&bytes).await?;
        stream.flush().await?;
    }
    if said.hang_up {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}
