//! The operations of the partner API, by the element that carries them and by their action. Never says what they may do.

/// An operation of `PartnerAPI`, from the vendor's WSDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is named as the vendor names it")]
pub enum Operation {
    Configure,
    Create,
    Delete,
    Describe,
    Execute,
    Extract,
    GetSystemStatus,
    Perform,
    Query,
    Retrieve,
    Schedule,
    Update,
    VersionInfo,
}

/// Operation, action, and the Body's element.
const TABLE: [(Operation, &str, &str); 13] = [
    (Operation::Configure, "Configure", "ConfigureRequestMsg"),
    (Operation::Create, "Create", "CreateRequest"),
    (Operation::Delete, "Delete", "DeleteRequest"),
    (Operation::Describe, "Describe", "DefinitionRequestMsg"),
    (Operation::Execute, "Execute", "ExecuteRequestMsg"),
    (Operation::Extract, "Extract", "ExtractRequestMsg"),
    (
        Operation::GetSystemStatus,
        "GetSystemStatus",
        "SystemStatusRequestMsg",
    ),
    (Operation::Perform, "Perform", "PerformRequestMsg"),
    (Operation::Query, "Query", "QueryRequestMsg"),
    (Operation::Retrieve, "Retrieve", "RetrieveRequestMsg"),
    (Operation::Schedule, "Schedule", "ScheduleRequestMsg"),
    (Operation::Update, "Update", "UpdateRequest"),
    (
        Operation::VersionInfo,
        "VersionInfo",
        "VersionInfoRequestMsg",
    ),
];

impl Operation {
    /// Every operation, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Its name, which is also its action.
    #[must_use]
    pub fn name(self) -> &'static str {
        let row = TABLE.iter().find(|row| row.0 == self);
        row.map_or("", |row| row.1)
    }

    /// The operation that an element of the partner API's namespace asks for.
    pub(super) fn of_element(local: &[u8]) -> Option<Self> {
        let row = TABLE.iter().find(|row| row.2.as_bytes() == local);
        row.map(|row| row.0)
    }
}
