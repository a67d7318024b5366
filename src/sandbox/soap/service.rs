//! The operations that neither read nor change objects: Describe, Perform, Schedule, Configure, Execute, Extract,
//! VersionInfo, GetSystemStatus.
//!
//! Small answers in the vendor's shapes; nothing is performed or scheduled.

use roxmltree::Node;

use super::element::{child, child_text, children, elements};
use super::kind::Kind;
use super::operation::Said;
use super::receive::Request;
use super::reply::put;
use crate::sandbox::digest::random_uuid;

/// What VersionInfo says of the sandbox.
const VERSION: &str = "Sandbox";

/// `Describe`: the properties of the object types that were named.
pub(super) fn describe(request: &Request<'_>) -> Said {
    let mut out = String::new();
    let requests = child(request.element, "DescribeRequests");
    for asked in requests.into_iter().flat_map(elements) {
        let name = child_text(asked, "ObjectType").unwrap_or_default();
        out.push_str("<ObjectDefinition>");
        put(&mut out, "ObjectType", &name);
        for (name, data_type) in Kind::named(&name).into_iter().flat_map(Kind::properties) {
            out.push_str("<Properties>");
            put(&mut out, "Name", name);
            put(&mut out, "DataType", data_type);
            put(&mut out, "IsUpdatable", "true");
            put(&mut out, "IsRetrievable", "true");
            out.push_str("</Properties>");
        }
        out.push_str("</ObjectDefinition>");
    }
    put(&mut out, "RequestID", &random_uuid());
    Said::whole("OK", out)
}

/// `Perform`
pub(super) fn perform(request: &Request<'_>) -> Said {
    acted(request, "Definitions")
}

/// `Schedule`
pub(super) fn schedule(request: &Request<'_>) -> Said {
    acted(request, "Interactions")
}

/// `Configure`
pub(super) fn configure(request: &Request<'_>) -> Said {
    acted(request, "Configurations")
}

/// One result for each object in `list`.
fn acted(request: &Request<'_>, list: &str) -> Said {
    let action = child_text(request.element, "Action");
    let objects: Vec<Node<'_, '_>> = child(request.element, list)
        .into_iter()
        .flat_map(elements)
        .collect();
    let overall = denied(request).unwrap_or_else(|| {
        let complete = action.is_some() && !objects.is_empty();
        if complete { "OK" } else { "Error" }.to_owned()
    });
    let mut out = String::from("<Results>");
    for (place, _) in objects.iter().enumerate().filter(|_| overall == "OK") {
        out.push_str("<Result>");
        let words = format!("{} was accepted.", action.as_deref().unwrap_or_default());
        status(&mut out, &words, place);
        out.push_str("</Result>");
    }
    out.push_str("</Results>");
    put(&mut out, "OverallStatus", &overall);
    out.push_str("<OverallStatusMessage/>");
    put(&mut out, "RequestID", &random_uuid());
    Said::whole(overall, out)
}

/// `Execute`
pub(super) fn execute(request: &Request<'_>) -> Said {
    asked(request, "Name")
}

/// `Extract`
pub(super) fn extract(request: &Request<'_>) -> Said {
    asked(request, "ID")
}

/// One result for each of `Requests`, which have to say what they want in `name`.
fn asked(request: &Request<'_>, name: &str) -> Said {
    let wanted: Vec<_> = children(request.element, "Requests")
        .map(|asked| child_text(asked, name))
        .collect();
    let complete = !wanted.is_empty() && wanted.iter().all(Option::is_some);
    let overall =
        denied(request).unwrap_or_else(|| if complete { "OK" } else { "Error" }.to_owned());
    let mut out = String::new();
    put(&mut out, "OverallStatus", &overall);
    put(&mut out, "RequestID", &random_uuid());
    for (place, wanted) in wanted.into_iter().flatten().enumerate() {
        if overall == "OK" {
            out.push_str("<Results>");
            status(&mut out, &format!("{wanted} was accepted."), place);
            out.push_str("</Results>");
        }
    }
    Said::whole(overall, out)
}

/// `VersionInfo`
pub(super) fn version_info(_: &Request<'_>) -> Said {
    let mut out = String::from("<VersionInfo>");
    put(&mut out, "Version", VERSION);
    put(&mut out, "VersionDate", "2024-01-01T00:00:00Z");
    put(&mut out, "Notes", "A simulated tenant.");
    out.push_str("</VersionInfo>");
    put(&mut out, "RequestID", &random_uuid());
    Said::whole("OK", out)
}

/// `GetSystemStatus`
pub(super) fn system_status(_: &Request<'_>) -> Said {
    let mut out = String::from("<Results><Result>");
    status(&mut out, "System Status Retrieved", 0);
    put(&mut out, "SystemStatus", "OK");
    out.push_str("<Outages/></Result></Results>");
    put(&mut out, "OverallStatus", "OK");
    out.push_str("<OverallStatusMessage/>");
    put(&mut out, "RequestID", &random_uuid());
    Said::whole("OK", out)
}

fn status(out: &mut String, words: &str, place: usize) {
    put(out, "StatusCode", "OK");
    put(out, "StatusMessage", words);
    put(out, "OrdinalID", &place.to_string());
}

fn denied(request: &Request<'_>) -> Option<String> {
    request.switches.soap_permission_failed.then(|| {
        format!(
            "Error: API Permission Failed. The token lacks the permission to {}.",
            request.operation.action
        )
    })
}
