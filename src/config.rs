//! What the operator wrote, from file, environment and flags, and what it means.
//!
//! All faults are found in one go, each with its file, line and key, and with what to write instead. Nothing is built or
//! bound here, nothing goes over the network, and no secret is ever shown.

mod document;
mod expand;
mod fault;
mod key_path;
mod keys;
mod layers;
mod machine;
mod print;
mod reference;
mod reload;
mod resolve;
mod schema;
mod scopes;
mod select;
mod shorthand;
mod source;
mod suggest;
mod value;
mod whereabouts;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::secret::Secret;
use crate::{admin, audit, collector, proxy, server, state, telemetry, upstream};

pub use fault::{Fault, Faults, Origin};
pub use reference::{reference, variables};
pub use reload::{Look, Read, Reloadable};
pub use schema::schema;
pub use select::select;
pub use source::{Flag, Sources};
pub use suggest::nearest;
pub use whereabouts::{SecretPlace, secret_place};

use document::Document;
use key_path::KeyPath;
use layers::Values;
use machine::Machine;
use resolve::Review;

/// The whole configuration, checked and ready to build from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// How it listens.
    pub server: server::Settings,
    /// Indexes of listeners that are left out where the machine lacks the address: the default's IPv6 one.
    pub optional_listeners: Vec<usize>,
    /// Where the local CA is kept.
    pub authority: AuthorityPlace,
    /// The admin listener.
    pub admin: admin::Settings,
    /// How it routes.
    pub proxy: proxy::Settings,
    /// Where calls are recorded, if they are.
    pub audit: Option<audit::Settings>,
    /// Where refresh tokens are kept, if they are.
    pub state: Option<state::Settings>,
    /// What replicas share, if they do.
    pub shared: Option<state::SharedSettings>,
    /// How it calls out.
    pub upstream: upstream::Settings,
    /// How it logs.
    pub telemetry: telemetry::Settings,
    /// Where spans go, if they go anywhere.
    pub collector: Option<collector::Settings>,
    /// The file that was used; `None` where there is none.
    pub file: Option<PathBuf>,
    /// What is odd, but no fault.
    pub warnings: Vec<String>,
}

/// Where the local certificate authority is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuthorityPlace {
    /// There is none.
    #[default]
    Nowhere,
    /// In the memory of this process.
    ThisProcess,
    /// In this directory.
    Directory(PathBuf),
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything that the configuration names.
    Whole,
    /// The text alone: secrets, files and variables need not be there.
    Syntax,
}

/// What a configuration without faults amounts to.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The file that was used; `None` where there is none.
    pub file: Option<PathBuf>,
    /// How many tenants there are.
    pub tenants: usize,
    /// How many accounts they have, the unnamed one of a tenant without any included.
    pub accounts: usize,
    /// How many clients there are.
    pub clients: usize,
    /// How many listeners there are.
    pub listeners: usize,
    /// What is odd, but no fault.
    pub warnings: Vec<String>,
}

/// The effective configuration, for people to read.
#[derive(Debug)]
pub struct Effective {
    /// TOML, each value with its origin as a comment; secrets redacted.
    pub text: String,
    /// What was found while it was read.
    pub faults: Faults,
}

/// Reads everything and makes out what it means.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(sources: &Sources) -> Result<Resolved, Faults> {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    resolved(sources, document.as_ref(), faults)
}

/// As [`load`], from a text that stands for a file of this directory. No environment, no flags.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn from_text(text: &str, directory: &Path) -> Result<Resolved, Faults> {
    let sources = Sources {
        working_directory: directory.to_owned(),
        ..Sources::default()
    };
    with_text(&sources, text)
}

/// As [`load`], with a text in the file's place. No file is searched for.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn with_text(sources: &Sources, text: &str) -> Result<Resolved, Faults> {
    let document = Document {
        path: Path::new("sfmc-auth-proxy.toml").into(),
        text: text.to_owned(),
    };
    resolved(sources, Some(&document), Faults::default())
}

/// Checks without building anything.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn check(sources: &Sources, depth: Depth) -> Result<Summary, Faults> {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let (mut summary, _resolved) = review(sources, document.as_ref(), depth, &mut faults, None);
    if faults.faults.is_empty() {
        summary.warnings = faults.warnings;
        Ok(summary)
    } else {
        Err(faults)
    }
}

/// What is set, and by whom. Files that the configuration names are not read.
#[must_use]
pub fn effective(sources: &Sources) -> Effective {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Whole, &mut faults, None);
    let file = match &document {
        Some(document) => format!("# file: {}\n", document.path.display()),
        None => "# no file\n".to_owned(),
    };
    faults.sort();
    Effective {
        text: file + &print::effective(&values),
        faults,
    }
}

/// The names of all variables that `${…}` in the configuration file asks for, whether they are set or not.
#[must_use]
pub fn expanded_variables(sources: &Sources) -> BTreeSet<String> {
    let document = sources.document(&mut Faults::default());
    document.map_or_else(BTreeSet::new, |document| document.variables())
}

/// Whether somebody has given a value to this key, so that it does not stand at its default.
#[must_use]
pub fn is_given(sources: &Sources, key: &str) -> bool {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Syntax, &mut faults, None);
    let given = values.get(&KeyPath::of(key));
    given.is_some_and(|given| given.origin != Origin::Default)
}

/// Where the admin listener is, and nothing else: no secret needs to be there.
///
/// # Errors
///
/// What is wrong with that key, or with the file as such.
pub fn admin_address(sources: &Sources) -> Result<SocketAddr, Faults> {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Syntax, &mut faults, None);
    let path = KeyPath::of("admin.listen");
    let concerned = [path.to_string(), String::new()];
    faults.faults.retain(|fault| concerned.contains(&fault.key));
    let mut review = Review {
        values: &values,
        sources,
        depth: Depth::Syntax,
        machine: &Machine::here(),
        faults: &mut faults,
    };
    let address = resolve::admin_address(&mut review);
    match address {
        Some(address) if faults.faults.is_empty() => Ok(address),
        Some(_) => Err(faults),
        None => {
            if faults.faults.is_empty() {
                let what = "cannot be made out: it names a variable that is not set";
                faults.add(None, &path, what, "set the variable, or ask with --url");
            }
            Err(faults)
        }
    }
}

/// What whoever asks the admin listener has to show, and nothing else: no other secret needs to be there. `None`: nothing.
///
/// # Errors
///
/// What is wrong with that key, or with the file as such.
pub fn admin_token(sources: &Sources) -> Result<Option<Secret>, Faults> {
    let keys = ["admin.token", "admin.token_file"];
    alone(sources, &keys, resolve::admin_token)
}

/// Where the local CA is kept, and nothing else: no secret needs to be there.
///
/// # Errors
///
/// What is wrong with that key, with the CA's files, or with the configuration file as such.
pub fn authority_place(sources: &Sources) -> Result<AuthorityPlace, Faults> {
    alone(sources, &["intercept.ca_dir"], resolve::authority_place)
}

/// One thing that these keys say, whatever is wrong with others.
fn alone<T>(
    sources: &Sources,
    keys: &[&str],
    resolve: impl FnOnce(&mut Review<'_>) -> Option<T>,
) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Whole, &mut faults, None);
    // Without a key: the file as such.
    let concerns = |key: &str| key.is_empty() || keys.contains(&key);
    faults.faults.retain(|fault| concerns(&fault.key));
    let mut review = Review {
        values: &values,
        sources,
        depth: Depth::Whole,
        machine: &Machine::here(),
        faults: &mut faults,
    };
    let found = resolve(&mut review);
    found.filter(|_| faults.faults.is_empty()).ok_or(faults)
}

fn resolved(
    sources: &Sources,
    document: Option<&Document>,
    faults: Faults,
) -> Result<Resolved, Faults> {
    resolved_with(sources, document, faults, None)
}

/// `fixed` holds whatever the sources say.
fn resolved_with(
    sources: &Sources,
    document: Option<&Document>,
    mut faults: Faults,
    fixed: Option<&Values>,
) -> Result<Resolved, Faults> {
    let (_summary, resolved) = review(sources, document, Depth::Whole, &mut faults, fixed);
    match resolved {
        Some(mut resolved) if faults.faults.is_empty() => {
            resolved.warnings = faults.warnings;
            Ok(resolved)
        }
        _ => {
            if faults.faults.is_empty() {
                let what = "the configuration does not make a whole";
                faults.add(None, "", what, "compare it with the sample");
            }
            Err(faults)
        }
    }
}

fn review(
    sources: &Sources,
    document: Option<&Document>,
    depth: Depth,
    faults: &mut Faults,
    fixed: Option<&Values>,
) -> (Summary, Option<Resolved>) {
    // A file that cannot be read has been noted; what it would have said is not guessed at.
    let unreadable = !faults.faults.is_empty();
    let mut values = gather(sources, document, depth, faults, fixed);
    values.is_partial |= unreadable;
    let file = document.map(|document| sources.working_directory.join(&document.path));
    let (summary, resolved) = resolve::resolve(
        &mut Review {
            values: &values,
            sources,
            depth,
            machine: &Machine::here(),
            faults: &mut *faults,
        },
        file,
    );
    faults.sort();
    (summary, resolved)
}

fn gather(
    sources: &Sources,
    document: Option<&Document>,
    depth: Depth,
    faults: &mut Faults,
    fixed: Option<&Values>,
) -> Values {
    let mut values = Values::default();
    if let Some(document) = document {
        document::read(document, &sources.environment, depth, &mut values, faults);
    }
    values.add_environment(&sources.environment, faults);
    values.add_flags(&sources.flags, faults);
    shorthand::add(sources, &mut values, faults);
    values.add_data_directory(sources, faults);
    values.add_defaults(faults);
    if let Some(fixed) = fixed {
        values.put_back(fixed);
    }
    values
}
