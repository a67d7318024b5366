//! What the command's runtimes trust: the system's roots, those that the surroundings name, and the proxy's CA, in the
//! forms that runtimes read. All of it stands in one private directory that goes when this goes.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tempfile::TempDir;

use super::environment::CA_VARIABLES;
use super::trust_store;

/// The variables by which the library that finds the system's roots is told of others.
const OTHER_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Where systems keep their roots; looked at where a variable hides them from the library.
const SYSTEM_FILES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const PEM_LINE: usize = 64;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    /// The directory or a file in it.
    #[error(
        "certificates for the command cannot be written to {directory}: {cause}; set TMPDIR to a directory that can be written to"
    )]
    Written {
        directory: PathBuf,
        cause: io::Error,
    },
}

/// The directory and what is in it.
pub(super) struct Bundle {
    directory: TempDir,
}

impl Bundle {
    /// Writes it. `authority` is the proxy's CA; empty if it is not known.
    pub(super) fn write(
        surroundings: &BTreeMap<String, String>,
        authority: &[CertificateDer<'static>],
    ) -> Result<Self, BundleError> {
        let parent = std::env::temp_dir();
        let failed = |cause| BundleError::Written {
            directory: parent.clone(),
            cause,
        };
        let directory = tempfile::Builder::new()
            .prefix("sfmc-auth-proxy-exec-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(failed)?;
        let bundle = Self { directory };
        let certificates = certificates(surroundings, authority);
        let pem: String = certificates.iter().map(pem).collect();
        fs::write(bundle.pem(), pem).map_err(failed)?;
        fs::write(bundle.store(), trust_store::write(&certificates)).map_err(failed)?;
        fs::create_dir(bundle.php()).map_err(failed)?;
        fs::write(bundle.php().join("exec.ini"), bundle.ini()).map_err(failed)?;
        Ok(bundle)
    }

    /// All certificates as PEM.
    pub(super) fn pem(&self) -> PathBuf {
        self.directory.path().join("bundle.pem")
    }

    /// The same for Java.
    pub(super) fn store(&self) -> PathBuf {
        self.directory.path().join("truststore.jks")
    }

    /// A directory of settings for PHP, whose curl reads no variable.
    pub(super) fn php(&self) -> PathBuf {
        self.directory.path().join("php")
    }

    fn ini(&self) -> String {
        let pem = self.pem();
        let pem = pem.display();
        format!("curl.cainfo=\"{pem}\"\nopenssl.cafile=\"{pem}\"\n")
    }

    /// Takes it away, and says so if that fails.
    pub(super) fn remove(self) -> Result<(), String> {
        let path = self.directory.path().to_owned();
        self.directory
            .close()
            .map_err(|error| format!("{} is left behind: {error}", path.display()))
    }
}

/// Each once, the proxy's own first.
fn certificates(
    surroundings: &BTreeMap<String, String>,
    authority: &[CertificateDer<'static>],
) -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs().certs;
    let is_told = |name: &&str| surroundings.get(*name).is_some_and(|set| !set.is_empty());
    let system = if OTHER_ROOTS.iter().any(is_told) {
        let files = SYSTEM_FILES.iter().map(|file| in_file(Path::new(file)));
        files
            .into_iter()
            .find(|certificates| !certificates.is_empty())
    } else {
        Some(found.clone())
    };
    let system = system.filter(|certificates| !certificates.is_empty());
    let system = system.unwrap_or_else(|| webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec());
    let named = CA_VARIABLES
        .iter()
        .filter_map(|name| surroundings.get(*name))
        .flat_map(|file| in_file(Path::new(file)));
    let mut seen = HashSet::new();
    let all = authority.iter().cloned().chain(system);
    all.chain(found)
        .chain(named)
        .filter(|certificate| seen.insert(certificate.clone()))
        .collect()
}

/// What can be read of it: a variable may name a file that is not there.
pub(super) fn in_file(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).map_or_else(
        |_unreadable| Vec::new(),
        |certificates| certificates.filter_map(Result::ok).collect(),
    )
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = STANDARD.encode(certificate);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(PEM_LINE));
        // Writing to a String cannot fail.
        let _always_ok = writeln!(text, "{rest}");
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
