//! Shares: a number from 0 to 1, however it is written.

use super::{Complaint, Raw, Value, complain, wrong_type};
use crate::config::fault::shown;
use crate::config::keys::Kind;

pub(super) fn read(raw: Raw) -> Result<Value, Complaint> {
    let instead = "write a number from 0 to 1, as 0.1";
    let number = match raw {
        Raw::Fraction(number) => number,
        // Those that could be right are small enough.
        Raw::Number(number) => i32::try_from(number).map_or(f64::INFINITY, f64::from),
        Raw::Text { text, bare: true } => match text.trim().parse() {
            Ok(number) => number,
            Err(_) => return complain(format!("{} is no number", shown(&text)), instead),
        },
        raw => return wrong_type(Kind::Share, &raw),
    };
    if (0.0..=1.0).contains(&number) {
        Ok(Value::Share(number))
    } else {
        complain(format!("{number} is out of bounds"), instead)
    }
}
