//! `healthcheck`: asks a running proxy whether it is ready, for images without a shell. Reads no secret.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use clap::Args;
use http::Uri;

use super::{Overrides, Status, say, say_faults};
use crate::config::{self, Sources};

/// Docker and Kubernetes give up soon; so does this.
const PATIENCE: Duration = Duration::from_secs(3);
const ANSWER_SIZE_MAX: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the admin listener is, instead of what the configuration says
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Ask this http URL instead of /readyz of the admin listener
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
}

impl Arguments {
    /// The keys of the file that it sets.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            admin_listen: self.admin_listen.clone(),
            ..Overrides::default()
        }
    }
}

pub(super) fn ask(
    sources: &Sources,
    url: Option<&str>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let question = match url {
        Some(url) => Question::of_url(url),
        None => match config::admin_address(sources) {
            Ok(address) => Question::of_address(address),
            Err(faults) => {
                say_faults(err, &faults);
                return Status::Failure;
            }
        },
    };
    let answer = question.and_then(|question| {
        let answer = question.ask();
        answer.map_err(|error| format!("{} does not answer: {error}", question.authority))
    });
    match answer.as_deref().map(status_and_body) {
        Ok((Some(200..=299), body)) => {
            say(out, body.trim_end());
            Status::Clean
        }
        Ok((Some(status), body)) => {
            say(err, &format!("not ready: {status} {}", body.trim_end()));
            Status::Failure
        }
        Ok((None, _)) => {
            say(err, "the answer is no HTTP");
            Status::Failure
        }
        Err(why) => {
            say(err, why);
            Status::Failure
        }
    }
}

/// How a proxy whose admin listener is configured to be there is reached, if one is alive there.
pub(super) fn living(address: SocketAddr) -> Option<String> {
    let mut question = Question::of_address(address).ok()?;
    "/livez".clone_into(&mut question.path);
    let answer = question.ask().ok()?;
    matches!(status_and_body(&answer), (Some(200), "ok\n")).then_some(question.authority)
}

/// Where an admin listener is asked that is configured so.
pub(super) fn reachable(address: SocketAddr) -> Result<SocketAddr, String> {
    if address.port() == 0 {
        return Err(
            "admin.listen has port 0, a free port that only the running proxy knows; give it a port, or ask with --url"
                .to_owned(),
        );
    }
    Ok(from_here(address))
}

/// How a listener at this address is reached from this machine: one that listens everywhere, on loopback.
pub(super) fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Question {
    authority: String,
    addresses: Vec<SocketAddr>,
    path: String,
}

impl Question {
    /// The admin listener at this address.
    fn of_address(address: SocketAddr) -> Result<Self, String> {
        let address = reachable(address)?;
        Ok(Self {
            authority: address.to_string(),
            addresses: vec![address],
            path: "/readyz".to_owned(),
        })
    }

    fn of_url(url: &str) -> Result<Self, String> {
        let wrong = || "--url wants an http URL, as http://127.0.0.1:7363/readyz".to_owned();
        let uri: Uri = url.parse().map_err(|_invalid| wrong())?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|error| format!("{host} cannot be resolved: {error}"))?;
        let path = match uri.path_and_query() {
            Some(path) if path.as_str() != "/" => path.as_str().to_owned(),
            _ => "/readyz".to_owned(),
        };
        Ok(Self {
            authority: authority.to_string(),
            addresses: addresses.collect(),
            path,
        })
    }

    fn ask(&self) -> io::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, left(deadline)?) {
                Ok(stream) => return self.exchange(stream, deadline),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn exchange(&self, mut stream: TcpStream, deadline: Instant) -> io::Result<String> {
        stream.set_write_timeout(Some(left(deadline)?))?;
        let (path, authority) = (&self.path, &self.authority);
        let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while (answer.len() as u64) < ANSWER_SIZE_MAX {
            stream.set_read_timeout(Some(left(deadline)?))?;
            match stream.read(&mut chunk)? {
                0 => break,
                read => answer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// What is left until the deadline; never zero, which sockets take for ever.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    }
    Ok(left)
}

fn status_and_body(answer: &str) -> (Option<u16>, &str) {
    let status = answer
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body)
}
