//! Framing and streaming: what the caller sends arrives, what the tenant answers comes back, and what breaks looks broken.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use sfmc_auth_proxy::sandbox::{Face, Script, pattern_byte};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, PATIENCE, Stage, until};
use crate::process::{Process, configuration};

/// Reads until this is there; gives everything read so far.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&read).contains(end) {
        let got = tokio::time::timeout(PATIENCE, stream.read(&mut byte))
            .await
            .expect("in time")
            .unwrap();
        assert_ne!(got, 0, "closed after {}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

/// Everything until the end of the connection; `Err` if it was reset.
async fn rest(stream: &mut TcpStream) -> (String, std::io::Result<usize>) {
    let mut read = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .expect("an end in time");
    (String::from_utf8_lossy(&read).into_owned(), end)
}

async fn connect(stage: &Stage) -> TcpStream {
    let stream = TcpStream::connect(stage.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_passes_each_way_in_bounded_memory() {
    const SIZE: u64 = 1 << 30;
    let tenant = sfmc_auth_proxy::sandbox::Tenant::start(crate::harness::tenant_settings())
        .await
        .unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut stream = TcpStream::connect(process.address).await.unwrap();
    let head = format!("GET /sandbox/bytes/{SIZE} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(
        answer.contains(&format!("Content-Length: {SIZE}\r\n")),
        "{answer}"
    );
    let mut buffer = vec![0; 1 << 20];
    let mut place = 0;
    while place < SIZE {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "cut after {place}");
        // Each piece's ends: enough to see a byte lost or doubled.
        assert_eq!(buffer[0], pattern_byte(place));
        assert_eq!(buffer[read - 1], pattern_byte(place + read as u64 - 1));
        place += read as u64;
    }
    let head = format!(
        "PUT /sandbox/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _piece in 0..(SIZE >> 20) {
        stream.write_all(&piece).await.unwrap();
    }
    let answer = read_until(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(&format!("\"length\":{SIZE}")), "{answer}");
    let peak = process.peak_memory_kib();
    eprintln!("peak memory of the process: {peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stops_reading_stops_the_tenant() {
    let tenant = sfmc_auth_proxy::sandbox::Tenant::start(crate::harness::tenant_settings())
        .await
        .unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut stream = TcpStream::connect(process.address).await.unwrap();
    stream
        .write_all(b"GET /sandbox/bytes/1073741824 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    // The tenant could push a gibibyte in this time; what is in flight is what sockets and buffers hold.
    let before = process.peak_memory_kib();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = process.peak_memory_kib() - before;
    assert!(
        grown < 32 << 10,
        "{grown} KiB were taken up for a caller that does not read"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expect_is_answered_here_once_the_call_is_allowed() {
    let stage = Stage::new().await;
    let mut stream = connect(&stage).await;
    stream
        .write_all(b"POST /sandbox/upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(
        read_until(&mut stream, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"four").await.unwrap();
    assert!(read_until(&mut stream, "}").await.contains("\"length\":4"));
    assert!(stage.received().last().unwrap().header("expect").is_none());
    let mut stream = connect(&stage).await;
    stream
        .write_all(b"POST /@nobody/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_until(&mut stream, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 404 "),
        "no 100 for what is refused"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_a_body_keep_their_head() {
    let stage = Stage::new().await;
    let mut stream = connect(&stage).await;
    // All on one connection, so that a byte too many would spoil the next answer.
    stream
        .write_all(b"HEAD /sandbox/bytes/12345 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("Content-Length: 12345\r\n"),
        "{head}"
    );
    for status in [204, 304] {
        let request = format!("GET /sandbox/status/{status} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!head.contains("Transfer-Encoding"), "{head}");
    }
    stream
        .write_all(b"GET /sandbox/bytes/3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_until(&mut stream, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunked_bodies_pass_both_ways() {
    let stage = Stage::new().await;
    let mut stream = connect(&stage).await;
    stream
        .write_all(b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x=y\r\ntwoo\r\n0\r\n\r\n")
        .await
        .unwrap();
    assert!(
        read_until(&mut stream, "\"onetwoo\"")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let call = stage.received().last().unwrap().clone();
    assert!(
        call.complete
            && call.header("transfer-encoding") == Some("chunked")
            && call.header("content-length").is_none()
    );
    let answer = stage.get("/sandbox/bytes/1000?chunked=1").await;
    assert!(answer.headers.get("content-length").is_none());
    let expected: Vec<u8> = (0..1000).map(pattern_byte).collect();
    assert_eq!(answer.body, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_pass_to_those_who_take_them() {
    let stage = Stage::new().await;
    let ask = async |te: &str| {
        let mut stream = connect(&stage).await;
        let request = format!(
            "GET /sandbox/bytes/10?trailers=1 HTTP/1.1\r\nHost: localhost\r\n{te}Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await.0
    };
    let with = ask("TE: trailers\r\n").await;
    assert!(
        with.contains("Trailer: X-Checksum\r\n") && with.contains("\r\n0\r\nX-Checksum: "),
        "{with}"
    );
    let without = ask("").await;
    assert!(
        !without.to_ascii_lowercase().contains("x-checksum"),
        "{without}"
    );
    assert!(without.ends_with("\r\n0\r\n\r\n"), "{without}");
    let mut stream = connect(&stage).await;
    stream
        .write_all(b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Sfmc-Tenant\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\nSfmc-Tenant: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    until("trailers", async || {
        !stage.received().last().unwrap().trailers.is_empty()
    })
    .await;
    let trailers = stage.received().last().unwrap().trailers.clone();
    assert_eq!(trailers.len(), 1, "{trailers:?}");
    assert!(trailers[0].0.eq_ignore_ascii_case("x-sum") && trailers[0].1 == "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gzip_passes_as_it_is() {
    let stage = Stage::new().await;
    let answer = stage.get("/sandbox/gzip").await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(&answer.body[..]),
        &mut text,
    )
    .unwrap();
    assert_eq!(text, "{\"compressed\": true}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_answer_reaches_a_caller_that_is_still_sending() {
    let stage = Stage::new().await;
    for target in [
        "/sandbox/upload?early=413",
        "/sandbox/upload?early=413&close=1",
    ] {
        let mut stream = connect(&stage).await;
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108864\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b'x'; 65536]).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        // Goes on sending, as a simple client does; the answer must still be there to read afterwards.
        for _piece in 0..16 {
            if stream.write_all(&[b'x'; 65536]).await.is_err() {
                break;
            }
        }
        assert!(read_until(&mut stream, "}").await.contains("early"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_closed_caller_gets_its_answer() {
    let stage = Stage::new().await;
    let mut stream = connect(&stage).await;
    stream
        .write_all(b"GET /sandbox/slow?ms=200 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let (answer, end) = rest(&mut stream).await;
    assert!(
        end.is_ok()
            && answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.ends_with("{\"slow\": true}"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_0_is_spoken() {
    let stage = Stage::new().await;
    let answer = stage
        .speak(b"GET /sandbox/bytes/5?chunked=1 HTTP/1.0\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") || answer.starts_with("HTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
    assert!(!answer.contains("Transfer-Encoding"), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\n\x00\x01\x02\x03\x04"),
        "{answer:?}"
    );
    let mut stream = connect(&stage).await;
    for _twice in 0..2 {
        stream.write_all(b"GET /sandbox/bytes/2 HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("Content-Length: 2\r\n"), "{head}");
        let mut body = [0; 2];
        stream.read_exact(&mut body).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_answered_in_order() {
    let stage = Stage::new().await;
    let answer = stage
        .speak(b"GET /sandbox/slow?ms=100 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sandbox/bytes/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    let slow = answer.find("{\"slow\": true}").expect("the first");
    assert!(
        answer.rfind("Content-Length: 1\r\n").unwrap() > slow,
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_http_forbids_or_we_do_not_do_is_refused() {
    let stage = Stage::new().await;
    for (request, status, code) in [
        (
            "TRACE / HTTP/1.1\r\nHost: localhost\r\n",
            405,
            "method_not_allowed",
        ),
        (
            "CONNECT mc1.rest.marketingcloudapis.com:443 HTTP/1.1\r\nHost: mc1.rest.marketingcloudapis.com:443\r\n",
            403,
            "destination_not_allowed",
        ),
        (
            "GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n",
            403,
            "destination_not_allowed",
        ),
        ("GET / HTTP/1.1\r\n", 400, "malformed_request"),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
            400,
            "malformed_request",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n",
            400,
            "malformed_request",
        ),
    ] {
        let answer = stage
            .speak(format!("{request}Connection: close\r\n\r\n").as_bytes())
            .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        assert!(
            answer.contains(&format!("\"code\":\"{code}\"")),
            "{request}: {answer}"
        );
    }
    for (request, status) in [
        (format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(70_000)), "431"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(300)), "431"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: y\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".to_owned(), "400"),
    ] {
        let answer = stage.speak(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert!(stage.received().is_empty());
    let own = format!(
        "GET http://{}/sandbox/bytes/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        stage.address()
    );
    assert!(
        stage
            .speak(own.as_bytes())
            .await
            .starts_with("HTTP/1.1 200 "),
        "our own address is served"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicting_framing_does_not_reach_the_tenant() {
    let stage = Stage::new().await;
    let smuggled = "GET /sandbox/status/299 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = format!(
        "POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        smuggled.len() + 5
    );
    stage.speak(request.as_bytes()).await;
    for call in stage.received() {
        assert!(call.faults.is_empty(), "{:?}", call.faults);
        assert!(
            call.header("content-length").is_none() || call.header("transfer-encoding").is_none()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_looks_broken() {
    let stage = Stage::new().await;
    for (target, version) in [
        ("/sandbox/bytes/100000", "1.1"),
        ("/sandbox/bytes/100000?chunked=1", "1.1"),
        ("/sandbox/bytes/100000", "1.0"),
        ("/sandbox/bytes/100000?chunked=1", "1.0"),
    ] {
        stage.tenant.script(Script {
            truncate_after: Some(40_000),
            face: Some(Face::Rest),
            ..Script::default()
        });
        let mut stream = connect(&stage).await;
        let request = format!("GET {target} HTTP/{version}\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (_answer, end) = rest(&mut stream).await;
        let error = end.expect_err("an orderly end would look like a whole answer");
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset,
            "{target} HTTP/{version}"
        );
    }
    assert_eq!(stage.received().len(), 4, "nothing was asked for again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_twice_whatever_breaks() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    assert_eq!(client.get("/sandbox/echo").await.status, 200);
    for (script, status) in [
        (Script::reset(Face::Rest), 502),
        (
            Script {
                reset_after_request_bytes: Some(0),
                ..Script::reset(Face::Rest)
            },
            502,
        ),
        (Script::status(Face::Rest, 500), 500),
        (Script::status(Face::Rest, 503), 503),
        (Script::status(Face::Rest, 403), 403),
        (Script::status(Face::Rest, 429), 429),
    ] {
        for method in ["GET", "POST"] {
            stage.tenant.clear_journal();
            stage.tenant.script(script.clone());
            let request = Request::builder()
                .method(method)
                .uri("/sandbox/echo")
                .body("body")
                .unwrap();
            let answer = client.send(request).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {script:?}");
            assert_eq!(stage.received().len(), 1, "{method} {script:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_tenant_closed_costs_no_error_and_no_second_send() {
    let stage = Stage::with(|_tenant| {}, |resolved| resolved.server.workers = 1).await;
    let mut client = stage.client().await;
    for round in 0..5 {
        stage.tenant.clear_journal();
        let answer = client.post("/sandbox/echo", "once").await;
        assert_eq!(answer.status, 200, "round {round}");
        assert_eq!(stage.received().len(), 1);
        // Ends every open connection of the face, ours in the pool among them.
        stage.tenant.set_face_down(Face::Rest, true);
        stage.tenant.set_face_down(Face::Rest, false);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let connections = stage.tenant.connections(Face::Rest);
    for _call in 0..20 {
        assert_eq!(client.get("/sandbox/echo").await.status, 200);
    }
    assert!(
        stage.tenant.connections(Face::Rest) <= connections + 1,
        "connections are used again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_502_and_says_that_nothing_was_sent() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    stage.tenant.set_face_down(Face::Rest, true);
    // A pooled connection may have to be found dead first.
    until("nothing was sent", async || {
        let answer = stage.get("/sandbox/echo").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (502, "upstream_unreachable")
        );
        answer.text().contains("Nothing was sent")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_have_ends() {
    let short = Duration::from_secs(1);
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.server.request_head_timeout = short;
            resolved.server.client_idle_timeout = short;
            resolved.proxy.response_head_timeout = short;
            resolved.proxy.body_stall_timeout = short;
        },
    )
    .await;
    let mut head = connect(&stage).await;
    head.write_all(b"GET / HTTP/1.1\r\nHost: loc")
        .await
        .unwrap();
    assert_eq!(rest(&mut head).await.0, "", "a head that does not end");
    let mut idle = connect(&stage).await;
    assert_eq!(
        rest(&mut idle).await.0,
        "",
        "a connection without a request"
    );
    let late = stage.get("/sandbox/slow?ms=9000").await;
    assert_eq!(
        (late.status.as_u16(), late.code().as_str()),
        (504, "upstream_timeout")
    );
    assert!(late.text().contains("not known whether"), "{}", late.text());
    let mut stalled = connect(&stage).await;
    stalled
        .write_all(
            b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
        )
        .await
        .unwrap();
    let answer = read_until(&mut stalled, "}").await;
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"),
        "{answer}"
    );
    let mut cut = connect(&stage).await;
    cut.write_all(b"GET /sandbox/slow?then=9000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let (answer, end) = rest(&mut cut).await;
    assert!(
        end.is_err(),
        "an answer that stands still is cut visibly: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_has_left_is_followed_though_its_caller_is_gone() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    let mut gone = connect(&stage).await;
    gone.write_all(
        b"POST /sandbox/slow?ms=500 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nxx",
    )
    .await
    .unwrap();
    until("the call arrived", async || stage.received().len() == 2).await;
    // Without waiting for the answer, and with a reset, as a killed process leaves it.
    socket2::SockRef::from(&gone)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(gone);
    until("the tenant could answer", async || {
        stage.received()[1].status == Some(200)
    })
    .await;
    let followed = "sfmc_auth_proxy_requests_total{account=\"default\",api=\"rest\",client=\"anonymous\",code=\"200\",method=\"POST\",operation=\"other\",tenant=\"acme\"}";
    until("counted", async || stage.metric(followed).await == 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_cap_connections_wait_their_turn() {
    let stage = Stage::with(|_tenant| {}, |resolved| resolved.server.connections_max = 2).await;
    let (mut one, mut two) = (stage.client().await, stage.client().await);
    assert_eq!(one.get("/sandbox/echo").await.status, 200);
    assert_eq!(two.get("/sandbox/echo").await.status, 200);
    let mut third = connect(&stage).await;
    third
        .write_all(b"GET /sandbox/bytes/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read(&mut byte)).await;
    assert!(early.is_err(), "served beyond the cap");
    drop(one);
    assert!(
        read_until(&mut third, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_served_and_cleaned_up() {
    use sfmc_auth_proxy::server::Address;
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("proxy.sock");
    // A file that a killed process left behind is no hindrance.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listen = Address::Unix(path.clone());
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.server.listeners.push(listen);
            resolved
                .proxy
                .listeners
                .push(sfmc_auth_proxy::proxy::ListenerSelection::default());
        },
    )
    .await;
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream
        .write_all(b"GET /sandbox/bytes/1 HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let second = sfmc_auth_proxy::server::bind(&Address::Unix(path.clone()), 0);
    assert!(
        second.is_err(),
        "a socket that somebody serves is not taken over"
    );
    stage.proxy.stop().await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_refusal_is_replayed_and_a_body_beyond_the_bound_streams_once() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.replay_size_max = 1000,
    )
    .await;
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    for (size, chunked) in [(1000, false), (1001, false), (1000, true), (1001, true)] {
        stage.tenant.revoke_all();
        stage.tenant.clear_journal();
        let mints = stage.tenant.mints();
        let mut stream = connect(&stage).await;
        let body = vec![b'x'; size];
        let head = if chunked {
            format!(
                "Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{}\r\n0\r\n\r\n",
                "x".repeat(size)
            )
        } else {
            format!(
                "Content-Length: {size}\r\n\r\n{}",
                String::from_utf8(body).unwrap()
            )
        };
        stream
            .write_all(
                format!(
                    "POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}"
                )
                .as_bytes(),
            )
            .await
            .unwrap();
        let (answer, _end) = rest(&mut stream).await;
        let calls = stage.received();
        if size == 1000 {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert_eq!(calls.len(), 2);
            assert_eq!(calls[0].body_sha256, calls[1].body_sha256);
        } else {
            assert!(
                answer.starts_with("HTTP/1.1 401 ") && answer.contains("Not Authorized"),
                "as it came: {answer}"
            );
            assert!(answer.contains("cannot be sent twice"), "{answer}");
            assert_eq!(calls.len(), 1);
            until("a mint all the same", async || {
                stage.tenant.mints() == mints + 1
            })
            .await;
        }
        assert_eq!(calls[0].body_length, size as u64);
        // The token is accepted on this route again, so that its next refusal is the token's end and not the route's way.
        let accepted = stage.client().await.post("/sandbox/echo", vec![b'x']).await;
        assert_eq!(accepted.status, 200);
    }
    until("room given back", async || {
        stage.metric("sfmc_auth_proxy_buffered_bytes").await == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_replayed_with_the_whole_body() {
    let stage = Arc::new(Stage::new().await);
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    stage.tenant.clear_journal();
    stage.tenant.script(Script {
        early: true,
        ..Script::status(Face::Rest, 401)
    });
    let mut stream = connect(&stage).await;
    stream
        .write_all(
            b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n",
        )
        .await
        .unwrap();
    stream.write_all(&[b'a'; 1000]).await.unwrap();
    until("the replay began", async || stage.received().len() == 2).await;
    stream.write_all(&[b'b'; 1000]).await.unwrap();
    let answer = read_until(&mut stream, "\"account\"").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let calls = stage.received();
    assert_eq!(calls.len(), 2);
    let whole = [[b'a'; 1000], [b'b'; 1000]].concat();
    until("the replay is whole", async || {
        stage.received()[1].body == whole
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_a_body_streams_unrecorded() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.buffered_size_max = 1000,
    )
    .await;
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    let mut holding = connect(&stage).await;
    holding
        .write_all(
            b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nx",
        )
        .await
        .unwrap();
    until("room taken", async || {
        stage.metric("sfmc_auth_proxy_buffered_bytes").await == 900.0
    })
    .await;
    stage.tenant.revoke_all();
    let answer = Client::connect(stage.address())
        .await
        .post("/sandbox/echo", vec![b'x'; 200])
        .await;
    assert_eq!(answer.status, 401, "delivered as it came");
    holding.write_all(&[b'x'; 899]).await.unwrap();
    assert!(
        read_until(&mut holding, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200 "),
        "what is recorded is replayed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_let_go_stops_serving() {
    let stage = Stage::new().await;
    let address = stage.address();
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    let mut kept = connect(&stage).await;
    drop(stage.proxy);
    let (answer, _end) = rest(&mut kept).await;
    assert_eq!(answer, "", "cut");
    until("nobody listens", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await;
}
