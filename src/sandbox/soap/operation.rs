//! The operations of the SOAP API by action, and what each says.
//!
//! A table; the work is done where the table points.

use super::receive::Request;
use super::{change, retrieve, service};
use crate::sandbox::payload::Chunks;

/// One operation.
pub(super) struct Operation {
    /// The action, bare, as the WSDL has it.
    pub(super) action: &'static str,
    /// The element in the Body of a request.
    pub(super) request: &'static str,
    /// The element in the Body of an answer.
    pub(super) response: &'static str,
    pub(super) run: fn(&Request<'_>) -> Said,
}

/// What an operation says.
pub(super) struct Said {
    /// The OverallStatus, for the journal too; of answers without one, what it would be.
    pub(super) overall: String,
    pub(super) content: Content,
}

/// What stands within the answer's element.
pub(super) enum Content {
    Whole(String),
    /// Made while it is sent.
    Streamed(Chunks),
}

impl Said {
    pub(super) fn whole(overall: impl Into<String>, content: String) -> Self {
        Self {
            overall: overall.into(),
            content: Content::Whole(content),
        }
    }
}

const fn operation(
    action: &'static str,
    request: &'static str,
    response: &'static str,
    run: fn(&Request<'_>) -> Said,
) -> Operation {
    Operation {
        action,
        request,
        response,
        run,
    }
}

#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    operation("Create", "CreateRequest", "CreateResponse", change::create),
    operation("Retrieve", "RetrieveRequestMsg", "RetrieveResponseMsg", retrieve::answer),
    operation("Update", "UpdateRequest", "UpdateResponse", change::update),
    operation("Delete", "DeleteRequest", "DeleteResponse", change::delete),
    operation("Query", "QueryRequestMsg", "QueryResponseMsg", retrieve::query),
    operation("Describe", "DefinitionRequestMsg", "DefinitionResponseMsg", service::describe),
    operation("Execute", "ExecuteRequestMsg", "ExecuteResponseMsg", service::execute),
    operation("Perform", "PerformRequestMsg", "PerformResponseMsg", service::perform),
    operation("Configure", "ConfigureRequestMsg", "ConfigureResponseMsg", service::configure),
    operation("Schedule", "ScheduleRequestMsg", "ScheduleResponseMsg", service::schedule),
    operation("VersionInfo", "VersionInfoRequestMsg", "VersionInfoResponseMsg", service::version_info),
    operation("Extract", "ExtractRequestMsg", "ExtractResponseMsg", service::extract),
    operation("GetSystemStatus", "SystemStatusRequestMsg", "SystemStatusResponseMsg", service::system_status),
];

impl Operation {
    pub(super) fn of_action(action: &str) -> Option<&'static Self> {
        OPERATIONS
            .iter()
            .find(|operation| operation.action == action)
    }

    #[cfg(test)]
    pub(super) fn all() -> &'static [Self] {
        OPERATIONS
    }
}
