//! Objects as XML, in the order of the WSDL.
//!
//! Writes only what is there: a property that is null is left out.

use std::fmt::Write as _;

use super::kind::Kind;
use super::objects::Object;
use super::reply::{escaped, put};

/// One `Results` element with the properties that were asked for, as Retrieve gives it.
pub(super) fn result(out: &mut String, kind: &Kind, object: &Object, properties: &[String]) {
    let _ = write!(out, "<Results xsi:type=\"{}\">", kind.name);
    let asked = |name: &str| {
        properties
            .iter()
            .any(|asked| asked.eq_ignore_ascii_case(name))
    };
    fields(out, kind, object, asked);
    if kind.is_row() {
        row(out, object, properties);
    }
    out.push_str("</Results>");
}

/// One `Object` element with all that is known of it, as the answers to changes carry it.
pub(super) fn object(out: &mut String, kind: &Kind, object: &Object) {
    let _ = write!(out, "<Object xsi:type=\"{}\">", kind.name);
    fields(out, kind, object, |_| true);
    if kind.is_row() {
        let names: Vec<String> = object.keys().cloned().collect();
        row(out, object, &names);
    }
    out.push_str("</Object>");
}

fn fields(out: &mut String, kind: &Kind, object: &Object, asked: impl Fn(&str) -> bool) {
    for (name, _) in kind.properties() {
        // A row's columns may have any names, also those of properties.
        let own = !kind.is_row() || name == "Client.ID";
        let value = object.get(name).filter(|_| own && asked(name));
        match value {
            Some(value) => field(out, name, value),
            // The vendor's results have these two whether they were asked for or not.
            None if matches!(name, "PartnerKey" | "ObjectID") => {
                let _ = write!(out, "<{name} xsi:nil=\"true\"/>");
            }
            None => {}
        }
    }
}

fn field(out: &mut String, name: &str, value: &str) {
    match name.split_once('.') {
        None => put(out, name, value),
        Some((outer, inner)) => {
            let _ = write!(out, "<{outer}>");
            field(out, inner, value);
            let _ = write!(out, "</{outer}>");
        }
    }
}

/// The columns that were asked for, in that order.
fn row(out: &mut String, object: &Object, columns: &[String]) {
    out.push_str("<Type>DataExtensionObject</Type><Properties>");
    for column in columns {
        let found = object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(column));
        if let Some((name, value)) = found.filter(|(name, _)| *name != "Client.ID") {
            let _ = write!(
                out,
                "<Property><Name>{}</Name><Value>{}</Value></Property>",
                escaped(name),
                escaped(value)
            );
        }
    }
    out.push_str("</Properties>");
}
