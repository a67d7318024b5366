//! What was typed and what it means; what commands print and where.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use clap::CommandFactory;

use super::*;

const TENANT: &str =
    "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"id\"\nclient_secret = \"s3cret\"\n";

/// Status, stdout and stderr of a command that reads this file.
fn run_with(
    text: &str,
    command: impl Fn(&Sources, &mut dyn Write, &mut dyn Write) -> Status,
) -> (Status, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..Sources::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = command(&sources, &mut out, &mut err);
    let text = |bytes: Vec<u8>| {
        let folder = folder.path().display().to_string();
        String::from_utf8(bytes).unwrap().replace(&folder, "")
    };
    (status, text(out), text(err))
}

#[test]
fn the_arguments_are_sound() {
    Arguments::command().debug_assert();
}

/// The commands that a user sees.
fn commands() -> Vec<clap::Command> {
    let mut all = Arguments::command();
    all.build();
    let commands = all
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    commands.cloned().collect()
}

#[test]
fn help_and_version_are_no_errors() {
    let commands = commands();
    let names = commands.iter().map(|command| command.get_name());
    let asking = names.flat_map(|name| [vec![name, "--help"], vec![name, "-h"]]);
    for typed in asking.chain([vec!["--help"], vec!["-h"], vec!["--version"]]) {
        let asked = Arguments::try_parse_from(["sfmc-auth-proxy"].iter().chain(&typed));
        assert_eq!(asked.unwrap_err().exit_code(), 0, "{typed:?}");
    }
    for typed in [
        &[][..],
        &["nonsense"],
        &["run", "--nonsense"],
        &["check", "x"],
        &["login"],
        &["completions"],
        &["completions", "cmd.exe"],
        &["snippet", "curl", "acme", "emea"],
        &["scopes"],
        &["suggest"],
        &["suggest", "x", "--from=f", "--url=u"],
    ] {
        let asked = Arguments::try_parse_from(["sfmc-auth-proxy"].iter().chain(typed));
        assert_eq!(asked.unwrap_err().exit_code(), 2, "{typed:?}");
    }
}

#[test]
fn every_command_has_examples_that_can_be_typed_and_says_how_it_ends() {
    for command in commands().iter().chain([&Arguments::command()]) {
        let name = command.get_name();
        let about = command.get_about().unwrap().to_string();
        assert!(
            about.len() <= 80 && !about.contains(';') && !about.ends_with('.'),
            "{name}: {about}"
        );
        assert!(
            command.get_long_about().unwrap().to_string().len() > about.len() + 20,
            "{name}"
        );
        let after = command.get_after_long_help().unwrap().to_string();
        assert!(
            after.starts_with("Examples:\n  ") && after.contains("\nExit codes:\n  "),
            "{name}"
        );
        let (examples, _rest) = after.split_once("\n\n").unwrap();
        let mut typed = 0;
        for line in examples
            .lines()
            .filter_map(|line| line.strip_prefix("  sfmc-auth-proxy "))
        {
            // What a shell would take off the line.
            let line = line.split(['|', '>']).next().unwrap();
            let words = std::iter::once("sfmc-auth-proxy").chain(line.split_whitespace());
            let read = Arguments::try_parse_from(words);
            assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
            assert!(
                name == "sfmc-auth-proxy" || line.starts_with(name),
                "{name}: {line}"
            );
            typed += 1;
        }
        assert!(typed > 0, "{name}");
    }
}

/// What stands in columns would be torn apart.
#[test]
fn no_line_of_the_examples_is_broken() {
    for command in commands().iter().chain([&Arguments::command()]) {
        let after = command.get_after_long_help().unwrap().to_string();
        let long = after.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "{}", command.get_name());
    }
}

#[test]
fn the_reference_is_not_stale() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let written = reference::reference(Arguments::command());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, written).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(
        kept == written,
        "docs/cli.md is stale: BLESS=1 cargo test --lib cli::"
    );
}

#[test]
fn every_flag_is_a_key_of_the_file() {
    let typed = [
        "sfmc-auth-proxy",
        "run",
        "--config=f.toml",
        "--listen=127.0.0.1:1",
        "--listen=127.0.0.1:2",
        "--admin-listen=127.0.0.1:3",
        "--default-tenant=acme",
        "--public-url=http://p.example",
        "--drain-delay=1s",
        "--drain-timeout=2s",
        "--log-format=text",
        "--log-level=warn",
    ];
    let arguments = Arguments::try_parse_from(typed).unwrap();
    let Command::Run(overrides) = arguments.command else {
        panic!("run was typed");
    };
    let mut sources = sources(arguments.common, overrides, &mut Vec::new()).unwrap();
    assert_eq!(sources.file.take().as_deref(), Some(Path::new("f.toml")));
    sources.environment.clear();
    let resolved = crate::config::with_text(&sources, TENANT).unwrap();
    let server = resolved.server;
    let listeners: Vec<_> = server.listeners.iter().map(ToString::to_string).collect();
    assert_eq!(listeners, ["127.0.0.1:1", "127.0.0.1:2"]);
    assert_eq!(resolved.admin.listen.port(), 3);
    assert_eq!(resolved.proxy.default_tenant.as_deref(), Some("acme"));
    assert_eq!(
        resolved.proxy.public_url.as_deref(),
        Some("http://p.example")
    );
    assert_eq!(
        (server.drain_delay.as_secs(), server.drain_timeout.as_secs()),
        (1, 2)
    );
    assert_eq!(
        resolved.telemetry.format,
        Some(crate::telemetry::Format::Text)
    );
    assert_eq!(resolved.telemetry.level, tracing::Level::WARN);
}

#[test]
fn check_prints_the_result_to_stdout_and_faults_to_stderr() {
    let check = |syntax_only| {
        move |sources: &Sources, out: &mut dyn Write, err: &mut dyn Write| {
            check::check(sources, syntax_only, out, err)
        }
    };
    let (status, out, err) = run_with(TENANT, check(false));
    assert_eq!((status, err.as_str()), (Status::Clean, ""));
    assert_eq!(
        out,
        "configuration is fine: 1 tenant, 1 account, 2 listeners (/sfmc-auth-proxy.toml)\n"
    );
    let clients =
        "[clients.a]\nsecret = \"0123456789abcdef\"\n[clients.b]\nsecret = \"abcdef0123456789\"\n";
    let (_, out, _) = run_with(&format!("{TENANT}{clients}"), check(false));
    assert!(
        out.contains("1 tenant, 1 account, 2 listeners, 2 clients ("),
        "{out}"
    );
    let text = TENANT.replace("client_secret =", "scope = []\nclient_secret_file =");
    let (status, out, err) = run_with(&text, check(true));
    assert_eq!((status, err.as_str()), (Status::Clean, ""));
    assert!(out.contains("\nwarning: sfmc-auth-proxy.toml:4: tenants.acme.scope: is empty"));
    let (status, out, err) = run_with(&text, check(false));
    assert_eq!((status, out.as_str()), (Status::Usage, ""));
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(
        lines[0],
        "sfmc-auth-proxy.toml:5: tenants.acme.client_secret_file: the file /s3cret does not exist; name a file that \
         holds the secret"
    );
    assert!(lines[1].starts_with("warning: ") && lines[2] == "1 fault");
}

#[test]
fn print_config_prints_what_there_is_beside_the_faults() {
    let text = format!("{TENANT}[log]\nlevel = \"loud\"\nformat = \"json\"\n");
    let (status, out, err) = run_with(&text, print_config::print);
    assert_eq!(status, Status::Usage);
    assert!(out.contains("format = \"json\"  # sfmc-auth-proxy.toml:7"));
    assert!(out.contains("client_secret = \"[redacted]\"") && !out.contains("s3cret"));
    assert!(err.starts_with("sfmc-auth-proxy.toml:6: log.level: "));
}

/// Answers one connection with these bytes.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).unwrap();
        assert!(head[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
        stream.write_all(answer.as_bytes()).unwrap();
    });
    port
}

#[test]
fn healthcheck_asks_and_exits_by_the_answer() {
    let ask = |text: &str, url: Option<&str>| {
        run_with(text, |sources, out, err| {
            healthcheck::ask(sources, url, out, err)
        })
    };
    // The secret of this tenant is not there, and is not needed.
    let admin = |listen: &str| {
        format!("[admin]\nlisten = \"{listen}\"\n[tenants.acme]\nclient_secret_file = \"/none\"\n")
    };
    let port = answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
    let asked = ask(&admin(&format!("0.0.0.0:{port}")), None);
    assert_eq!(asked, (Status::Clean, "ok\n".to_owned(), String::new()));
    let port = answering("HTTP/1.1 503 Service Unavailable\r\n\r\ndraining\n");
    let asked = ask(
        &admin("127.0.0.1:1"),
        Some(&format!("http://localhost:{port}")),
    );
    let said = "not ready: 503 draining\n".to_owned();
    assert_eq!(asked, (Status::Failure, String::new(), said));
    let port = answering("SSH-2.0-x\r\n");
    let (status, _, err) = ask(&admin(&format!("127.0.0.1:{port}")), None);
    assert_eq!(
        (status, err.as_str()),
        (Status::Failure, "the answer is no HTTP\n")
    );
    for (listen, url, words) in [
        ("127.0.0.1:0", None, "admin.listen has port 0"),
        (
            "127.0.0.1",
            None,
            "admin.listen: \"127.0.0.1\" is no address",
        ),
        ("127.0.0.1:1", None, "127.0.0.1:1 does not answer: "),
        (
            "127.0.0.1:1",
            Some("https://localhost/"),
            "--url wants an http URL",
        ),
    ] {
        let (status, out, err) = ask(&admin(listen), url);
        assert_eq!((status, out.as_str()), (Status::Failure, ""));
        assert!(err.contains(words), "{err}");
    }
}
