//! A REST instance that says exactly what a test tells it, byte for byte, behind the sandbox's token endpoint.

use std::sync::{Arc, Mutex};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::token::TrustedHost;
use sfmc_auth_proxy::{app, sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::harness::{Stage, resolved, tenant_settings};

/// The instance, and what it received.
pub struct Raw {
    pub stage: Stage,
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// A stage whose every REST call gets these bytes for an answer. `{authority}` in them is the instance's own.
    pub async fn answering(answer: &str, change_proxy: impl FnOnce(&mut Resolved)) -> Self {
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
        let answer = answer.replace("{authority}", &format!("localhost:{port}"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            answer.into(),
            Arc::clone(&heads),
        ));

        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        tenant.set_instance_urls(&format!("https://localhost:{port}/"), &tenant.soap_url());
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
            heads,
        }
    }

    /// The heads of all requests so far, as they stood on the wire.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answer: Arc<str>,
    heads: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _peer)) = listener.accept().await {
        let (acceptor, answer, heads) = (acceptor.clone(), Arc::clone(&answer), Arc::clone(&heads));
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    heads
                        .lock()
                        .unwrap()
                        .push(String::from_utf8(std::mem::take(&mut head)).unwrap());
                    if stream.write_all(answer.as_bytes()).await.is_err()
                        || stream.flush().await.is_err()
                    {
                        return;
                    }
                }
            }
        });
    }
}
