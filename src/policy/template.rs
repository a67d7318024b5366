//! What a path is called where names have to be few, whoever calls whatever: by the row of a table that it is of. Never quotes a
//! segment that is in no table.

use http::Method;

use super::table::{ROOTS, ROUTES};
use super::{path, scopes};

/// The path of the row that a call is of, in the table of scopes or else in that of effects. Where none fits, the service root
/// and its version. `None`: no root of the vendor's.
#[must_use]
pub fn template(method: &Method, path: &str) -> Option<String> {
    let method = match method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let of_effect = || {
        let mut rows = ROUTES.iter();
        let row = rows.find(|row| row.method == method && row.fits(path::segments(path)))?;
        Some(row.path.to_owned())
    };
    scopes::template(method, path)
        .or_else(of_effect)
        .or_else(|| of_root(path))
}

/// A root, in the case that the vendor writes it in, and its version if that is one of nine.
fn of_root(path: &str) -> Option<String> {
    let mut segments = path::segments(path);
    let root = segments.next()?;
    let root = ROOTS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(root))?;
    Some(match segments.next().map(str::as_bytes) {
        Some([b'v' | b'V', digit @ b'1'..=b'9']) => format!("/{root}/v{}", char::from(*digit)),
        _ => format!("/{root}"),
    })
}
