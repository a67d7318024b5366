//! A tunnel through the egress proxy: CONNECT, and its answer's head. Takes no byte beyond that head, and asks once.

use std::io;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::egress::ProxyUrl;
use super::{Upstream, socket};

/// A proxy's answer to CONNECT that is longer than this is not one.
const HEAD_SIZE_MAX: usize = 16 << 10;
/// Bytes looked at in one go.
const PIECE_SIZE: usize = 1 << 10;

/// Why a proxy opened no way.
pub(super) struct Refusal {
    /// Its status, if it answered.
    pub(super) status: Option<StatusCode>,
    /// What happened, after "the egress proxy … opened no way".
    pub(super) cause: String,
}

impl Refusal {
    fn without_answer(cause: impl Into<String>) -> Self {
        Self {
            status: None,
            cause: cause.into(),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::without_answer(format!("the connection to it broke: {error}"))
    }
}

/// Connects to the proxy and has it connect to `authority`, which is a host and a port.
pub(super) async fn open(
    upstream: &Upstream,
    proxy: &ProxyUrl,
    authority: &str,
) -> Result<TcpStream, Refusal> {
    let mut stream = socket::dial(upstream, proxy.connect_to())
        .await
        .map_err(|cause| Refusal::without_answer(format!("no connection to it: {cause}")))?;
    if upstream.own.reached_by(&stream) {
        return Err(Refusal::without_answer(
            "it is one of this proxy's own listeners",
        ));
    }
    stream.write_all(head(proxy, authority).as_bytes()).await?;
    let status = read_status(&mut stream).await?;
    if status.is_success() {
        return Ok(stream);
    }
    Err(Refusal {
        status: Some(status),
        cause: format!("it answered {status}"),
    })
}

fn head(proxy: &ProxyUrl, authority: &str) -> Zeroizing<String> {
    let mut head = Zeroizing::new(format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    ));
    if let Some(authorization) = proxy.authorization() {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization.expose());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head
}

/// Reads up to the end of the answer's head and not a byte further: what follows belongs to the tunnel.
async fn read_status(stream: &mut TcpStream) -> Result<StatusCode, Refusal> {
    let mut head = Vec::new();
    while head.len() < HEAD_SIZE_MAX {
        let mut piece = [0; PIECE_SIZE];
        let seen = stream.peek(&mut piece).await?;
        if seen == 0 {
            return Err(Refusal::without_answer("it hung up without an answer"));
        }
        let before = head.len();
        head.extend(piece.iter().take(seen));
        let end = memchr::memmem::find(&head, b"\r\n\r\n").map(|place| place + 4);
        let wanted = end.map_or(seen, |end| end - before);
        if let Some(wanted) = piece.get_mut(..wanted) {
            stream.read_exact(wanted).await?;
        }
        if end.is_none() {
            continue;
        }
        let status = parse_status(&head)
            .ok_or_else(|| Refusal::without_answer("what it answers is not HTTP"))?;
        if !status.is_informational() {
            return Ok(status);
        }
        head.clear();
    }
    Err(Refusal::without_answer("its answer's head does not end"))
}

fn parse_status(head: &[u8]) -> Option<StatusCode> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let (b'0'..=b'9', rest) = rest.split_first()? else {
        return None;
    };
    let digits = rest.strip_prefix(b" ")?.get(..3)?;
    StatusCode::from_bytes(digits).ok()
}
