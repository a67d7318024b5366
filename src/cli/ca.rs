//! `ca`: where the local CA's certificate is, and how each common runtime is told to trust it. Tells no secret and changes no
//! trust store.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use clap::Args;

use super::{Status, say, say_faults};
use crate::authority::Authority;
use crate::config::{self, AuthorityPlace, Sources};

const CERTIFICATE: &str = "ca.pem";

/// What each runtime needs; `{}` is the certificate's path as a shell takes it.
const LINES: &[(&str, &[&str])] = &[
    (
        "curl",
        &[
            "curl --cacert {} …",
            "export CURL_CA_BUNDLE={}    # this CA alone",
        ],
    ),
    (
        "Python: requests, httpx",
        &[
            "export REQUESTS_CA_BUNDLE={}    # this CA alone",
            "export SSL_CERT_FILE={}    # this CA alone",
        ],
    ),
    (
        "Node",
        &["export NODE_EXTRA_CA_CERTS={}    # beside Node's own roots"],
    ),
    (
        "Java",
        &[
            "keytool -importcert -noprompt -cacerts -storepass changeit -alias sfmc-auth-proxy -file {}",
            "keytool -importcert -noprompt -storetype PKCS12 -keystore truststore.p12 -storepass changeit -alias sfmc-auth-proxy -file {}",
            "java -Djavax.net.ssl.trustStore=truststore.p12 -Djavax.net.ssl.trustStorePassword=changeit …    # this CA alone",
        ],
    ),
    (
        ".NET",
        &[
            "certutil -user -addstore Root {}    # Windows",
            "export SSL_CERT_FILE={}    # Linux",
        ],
    ),
    (
        "PHP",
        &["php -d curl.cainfo={} -d openssl.cafile={} …    # or the same in php.ini"],
    ),
    ("Ruby", &["export SSL_CERT_FILE={}    # this CA alone"]),
    (
        "Go",
        &["export SSL_CERT_FILE={}    # Linux; elsewhere the system's store counts"],
    ),
    (
        "Debian, Ubuntu, Alpine",
        &[
            "sudo cp {} /usr/local/share/ca-certificates/sfmc-auth-proxy.crt && sudo update-ca-certificates",
        ],
    ),
    (
        "RHEL, Fedora, Amazon Linux",
        &[
            "sudo cp {} /etc/pki/ca-trust/source/anchors/sfmc-auth-proxy.pem && sudo update-ca-trust",
        ],
    ),
    (
        "macOS",
        &[
            "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {}",
        ],
    ),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the certificate's path alone
    #[arg(long)]
    path: bool,
    /// Print the certificate itself
    #[arg(long, conflicts_with = "path")]
    pem: bool,
}

/// Prints it, and makes the CA if there is none yet.
pub(super) fn ca(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let directory = match config::authority_place(sources) {
        Ok(AuthorityPlace::Directory(directory)) => directory,
        Ok(AuthorityPlace::Nowhere | AuthorityPlace::ThisProcess) => {
            say(
                err,
                "there is no local CA: the configuration has no [intercept]; write\n\n[intercept]\nca_dir = \
                 \"~/.local/share/sfmc-auth-proxy/ca\"\n\nto have CONNECT and https for Salesforce's hosts answered by one",
            );
            return Status::Usage;
        }
        Err(faults) => {
            say_faults(err, &faults);
            return Status::Usage;
        }
    };
    tell(&directory, arguments, out, err)
}

fn tell(
    directory: &Path,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let authority = match Authority::kept_in(directory) {
        Ok(authority) => authority,
        Err(error) => {
            say(err, &error.to_string());
            return Status::Usage;
        }
    };
    let path = directory.join(CERTIFICATE);
    if arguments.path {
        say(out, &path.display().to_string());
    } else if arguments.pem {
        say(out, authority.pem().trim_end());
    } else {
        say(out, advice(&path).trim_end());
    }
    Status::Clean
}

fn advice(path: &Path) -> String {
    let quoted = quoted(&path.display().to_string());
    let mut text = format!(
        "The local CA's certificate is {}\nIt vouches for Salesforce's hosts and loopback names, and for no others. The key \
         beside it is for the proxy alone.\n",
        path.display()
    );
    for (runtime, lines) in LINES {
        // Writing to a String cannot fail.
        let _always_ok = writeln!(text, "\n{runtime}");
        for line in *lines {
            let _always_ok = writeln!(text, "  {}", line.replace("{}", &quoted));
        }
    }
    text.push_str("\nTo go on trusting other hosts where it says \"this CA alone\", append it to a copy of the system's roots.\n");
    text
}

/// As a shell takes it.
pub(super) fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=@:,%".contains(&byte);
    if path.bytes().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(directory: &Path, path: bool, pem: bool) -> (Status, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = tell(directory, &Arguments { path, pem }, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status, text(out), text(err))
    }

    #[test]
    fn it_is_made_once_and_every_line_has_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("of the proxy");
        let path = directory.join("ca.pem");
        let (status, out, err) = told(&directory, false, false);
        assert_eq!((status, err.as_str()), (Status::Clean, ""));
        let quoted = format!("'{}'", path.display());
        for (runtime, _lines) in LINES {
            let (_before, after) = out.split_once(&format!("\n{runtime}\n")).unwrap();
            let first = after.lines().next().unwrap();
            assert!(first.contains(&quoted), "{first}");
        }
        assert!(!out.contains("{}"));
        let made = std::fs::read_to_string(&path).unwrap();
        let (status, out, _err) = told(&directory, false, true);
        assert_eq!((status, out.as_str()), (Status::Clean, made.as_str()));
        let (status, out, _err) = told(&directory, true, false);
        assert_eq!(
            (status, out),
            (Status::Clean, format!("{}\n", path.display()))
        );
    }

    #[test]
    fn a_caller_whose_proxy_is_this_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[listen]\nhttp = [\"127.0.0.1:7362\"]\n[intercept]\nca_dir = \"ca\"\n[tenants.acme]\nsubdomain = \"mc1\"\n\
                    client_id = \"id\"\nclient_secret = \"s3cret\"\n";
        std::fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
        let proxy = "http://newsletter:secret@127.0.0.1:7362";
        let sources = Sources {
            environment: [("HTTPS_PROXY".to_owned(), proxy.to_owned())].into(),
            working_directory: folder.path().to_owned(),
            ..Sources::default()
        };
        assert!(config::load(&sources).is_err(), "a loop, were it to serve");
        let arguments = Arguments {
            path: true,
            pem: false,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = ca(&sources, &arguments, &mut out, &mut err);
        assert_eq!(status, Status::Clean, "{}", String::from_utf8_lossy(&err));
        assert!(String::from_utf8(out).unwrap().ends_with("/ca/ca.pem\n"));
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (status, out, err) = told(&file, true, false);
        assert_eq!((status, out.as_str()), (Status::Usage, ""));
        assert!(err.contains("file"), "{err}");
    }

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("/a/b-c.pem"), "/a/b-c.pem");
        assert_eq!(quoted("/a b"), "'/a b'");
        assert_eq!(quoted("/it's"), r"'/it'\''s'");
    }
}
