//! The command's environment: what it takes to go through the proxy and to trust it, and nothing of what the proxy was
//! configured with. Pure: makes a new environment from the one that there is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::trust_store;

/// The client's name at an own proxy, and the one in every proxy URL.
pub(super) const USER: &str = "exec";

/// By which common runtimes and tools are told of a file of roots.
pub(super) const CA_VARIABLES: [&str; 17] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "BUNDLE_SSL_CA_CERT",
    "PERL_LWP_SSL_CA_FILE",
    "HEX_CACERTS_PATH",
    "JULIA_SSL_CA_ROOTS_FILE",
    "NIX_SSL_CERT_FILE",
];
const PROXY_VARIABLES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];
const OWN_PREFIX: &str = "SFMC_";
/// Variables that no program can do without and that are no secrets: these stay, though the configuration expands them.
const COMMON: [&str; 11] = [
    "HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
];
/// `HOME`'s newer siblings.
const COMMON_PREFIX: &str = "XDG_";

/// How the command reaches the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// Without an IPv6 literal's brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// What the proxy wants of [`USER`].
    pub(super) password: String,
    /// A placeholder for the same client.
    pub(super) token: String,
}

/// Host and port as a URL has them.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Where the certificates are.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    pub(super) pem: PathBuf,
    pub(super) store: PathBuf,
    pub(super) php: PathBuf,
}

/// The environment for the command. `expanded` are the variables that the configuration took its values from.
pub(super) fn environment(
    surroundings: BTreeMap<OsString, OsString>,
    expanded: &BTreeSet<String>,
    access: &Access,
    certificates: &Certificates,
) -> BTreeMap<OsString, OsString> {
    let mut environment = surroundings;
    environment.retain(|name, _value| stays(name, expanded));
    let mut set = |name: &str, value: OsString| environment.insert(name.into(), value);
    let authority = authority(&access.host, access.port);
    for name in PROXY_VARIABLES {
        set(
            name,
            format!("http://{USER}:{}@{authority}", access.password).into(),
        );
    }
    for name in CA_VARIABLES {
        set(name, certificates.pem.clone().into());
    }
    set("NODE_USE_ENV_PROXY", "1".into());
    set("SFMC_AUTH_PROXY_URL", format!("http://{authority}").into());
    set("SFMC_AUTH_PROXY_TOKEN", access.token.clone().into());
    append(
        &mut environment,
        "JAVA_TOOL_OPTIONS",
        " ",
        &java(access, &certificates.store),
    );
    // An empty entry, as before the colon, stands for the directory that PHP would scan by itself.
    let php = environment.entry("PHP_INI_SCAN_DIR".into()).or_default();
    php.push(":");
    php.push(&certificates.php);
    environment
}

fn stays(name: &OsStr, expanded: &BTreeSet<String>) -> bool {
    let Some(name) = name.to_str() else {
        return true;
    };
    let is_common = COMMON.contains(&name) || name.starts_with(COMMON_PREFIX);
    !name.starts_with(OWN_PREFIX)
        && !NO_PROXY_VARIABLES.contains(&name)
        && (is_common || !expanded.contains(name))
}

fn append(
    environment: &mut BTreeMap<OsString, OsString>,
    name: &str,
    separator: &str,
    more: &OsStr,
) {
    let value = environment.entry(name.into()).or_default();
    if !value.is_empty() {
        value.push(separator);
    }
    value.push(more);
}

/// Java reads no variable for proxies and roots, but takes properties from one. The JDK's own clients do not look at user
/// and password there and need an Authenticator; Apache's do.
fn java(access: &Access, store: &Path) -> OsString {
    let mut options = OsString::new();
    for scheme in ["http", "https"] {
        let (host, port, password) = (&access.host, access.port, &access.password);
        options.push(format!(
            "-D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port} -D{scheme}.proxyUser={USER} \
             -D{scheme}.proxyPassword={password} "
        ));
    }
    // Loopback goes through the proxy as well, and Basic is allowed for tunnels.
    options.push("-Dhttp.nonProxyHosts= -Djdk.http.auth.tunneling.disabledSchemes= ");
    options.push(format!(
        "-Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword={} ",
        trust_store::PASSWORD
    ));
    // The virtual machine takes quotes for what they are; other readers of this variable may not.
    let quote = if store.to_string_lossy().contains(char::is_whitespace) {
        "\""
    } else {
        ""
    };
    options.push("-Djavax.net.ssl.trustStore=");
    options.push(quote);
    options.push(store);
    options.push(quote);
    options
}
