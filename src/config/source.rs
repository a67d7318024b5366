//! Where configuration comes from: which file, which variables, which flags. Everything is handed in, so that tests need
//! neither a home directory nor the process's environment.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::document::Document;
use super::fault::{Faults, Origin};

const FILE_NAME: &str = "sfmc-auth-proxy.toml";
const FILE_SIZE_MAX: u64 = 1024 * 1024;
pub(super) const DATA_HOME_VARIABLE: &str = "XDG_DATA_HOME";
const CONFIG_VARIABLE: &str = "SFMC_AUTH_PROXY_CONFIG";

/// Everything that configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that was asked for; `None` searches for one.
    pub file: Option<PathBuf>,
    /// What the command line sets.
    pub flags: Vec<Flag>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// What relative paths start at.
    pub working_directory: PathBuf,
}

/// A key's value from the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The key, as `listen.http`.
    pub key: &'static str,
    /// Its value; one entry of it, where the key takes a list.
    pub value: String,
    /// The flag, as `--listen`.
    pub name: &'static str,
}

impl Sources {
    /// The sources of this process. Variables that are no UTF-8 count as unset.
    ///
    /// # Errors
    ///
    /// The working directory is gone.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> io::Result<Self> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            file,
            flags,
            environment,
            working_directory: std::env::current_dir()?,
        })
    }

    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// Where the user's data is kept, if a variable says so.
    pub(super) fn data_home(&self) -> Option<&Path> {
        let home = self.variable(DATA_HOME_VARIABLE).map(Path::new);
        home.filter(|directory| directory.is_absolute())
    }

    /// The file to use. `None` if there is none, or if it cannot be read, which is noted as a fault.
    pub(super) fn document(&self, faults: &mut Faults) -> Option<Document> {
        if let Some(file) = &self.file {
            return self.read(file, Some(Origin::Flag("--config")), faults);
        }
        if let Some(file) = self.variable(CONFIG_VARIABLE) {
            let origin = Origin::Environment(CONFIG_VARIABLE.to_owned());
            return self.read(Path::new(file), Some(origin), faults);
        }
        let candidates = self.candidates();
        let found = candidates
            .iter()
            .find(|candidate| !is_absent(&self.working_directory.join(candidate)))?;
        self.read(found, None, faults)
    }

    /// Where the file is, or where one could appear that would be used instead.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let named = self.file.clone();
        let named = named.or_else(|| self.variable(CONFIG_VARIABLE).map(PathBuf::from));
        let places = named.map_or_else(|| self.candidates(), |named| vec![named]);
        let places = places.into_iter();
        places
            .map(|place| self.working_directory.join(place))
            .collect()
    }

    /// Where a file is looked for, first one first.
    pub(super) fn candidates(&self) -> Vec<PathBuf> {
        let home = self.variable("HOME").map(PathBuf::from);
        let user = self
            .variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|directory| directory.is_absolute())
            .or_else(|| Some(home?.join(".config")));
        let mut candidates = vec![PathBuf::from(FILE_NAME)];
        candidates.extend(user.map(|directory| directory.join("sfmc-auth-proxy/config.toml")));
        candidates.push(PathBuf::from("/etc/sfmc-auth-proxy/config.toml"));
        candidates
    }

    fn read(&self, file: &Path, origin: Option<Origin>, faults: &mut Faults) -> Option<Document> {
        let read = read_file(&self.working_directory.join(file), FILE_SIZE_MAX);
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_invalid| "is not UTF-8".to_owned())
        });
        match text {
            Ok(text) => Some(Document {
                path: file.into(),
                text,
            }),
            Err(why) => {
                let what = format!("the configuration file {} {why}", file.display());
                let instead = "name a file that can be read with --config";
                faults.add(origin, "", what, instead);
                None
            }
        }
    }

    /// A path as it is meant: `~/` is the home directory, a relative one starts where its text stands.
    pub(super) fn path(&self, text: &str, origin: &Origin) -> PathBuf {
        if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), self.variable("HOME")) {
            return Path::new(home).join(rest);
        }
        let beside = match origin {
            Origin::File { path, .. } => path.parent(),
            _ => None,
        };
        self.working_directory
            .join(beside.unwrap_or(Path::new("")))
            .join(text)
    }
}

fn is_absent(path: &Path) -> bool {
    path.metadata().is_err_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    })
}

/// Reads a file up to a bound. A pipe is read once, and says the same from then on. The error goes on a sentence that begins with the file.
pub(super) fn read_file(path: &Path, size_max: u64) -> Result<Vec<u8>, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => format!("cannot be read ({error})"),
    };
    if let Some(bytes) = read_before(path) {
        return Ok(bytes);
    }
    let file = std::fs::File::open(path).map_err(words)?;
    let is_once = file.metadata().is_ok_and(|metadata| !metadata.is_file());
    let mut bytes = Vec::new();
    file.take(size_max + 1)
        .read_to_end(&mut bytes)
        .map_err(words)?;
    if bytes.len() as u64 > size_max {
        return Err(format!("is larger than {size_max} bytes"));
    }
    if is_once {
        let kept = Zeroizing::new(bytes.clone());
        ONCE.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), kept);
    }
    Ok(bytes)
}

/// What came out of pipes, which give it once for the whole process.
static ONCE: Mutex<BTreeMap<PathBuf, Zeroizing<Vec<u8>>>> = Mutex::new(BTreeMap::new());

fn read_before(path: &Path) -> Option<Vec<u8>> {
    let kept = ONCE.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get(path).map(|bytes| bytes.to_vec())
}
