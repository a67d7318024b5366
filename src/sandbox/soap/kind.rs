//! The object types that the SOAP face knows: their properties, what identifies them, and the scopes that they need.
//!
//! A table and nothing else; the order of properties is that of the WSDL, where a sequence counts.

/// A property's name, dots for nesting, and its type in the vendor's words.
pub(super) type Property = (&'static str, &'static str);

/// One object type.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Properties that identify an object besides `ID` and `ObjectID`; the first that is given counts.
    pub(super) keys: &'static [&'static str],
    /// What an object cannot be made without.
    pub(super) required: &'static str,
    /// Beyond those that all types have.
    properties: &'static [Property],
    pub(super) read: &'static [&'static str],
    /// None: the type cannot be changed through this face.
    pub(super) write: Option<&'static [&'static str]>,
}

/// What every object has.
const COMMON: &[Property] = &[
    ("Client.ID", "Int32"),
    ("PartnerKey", "String"),
    ("CreatedDate", "DateTime"),
    ("ModifiedDate", "DateTime"),
    ("ID", "Int32"),
    ("ObjectID", "String"),
    ("CustomerKey", "String"),
];

const KINDS: &[Kind] = &[
    Kind {
        name: "Subscriber",
        keys: &["SubscriberKey", "EmailAddress"],
        required: "EmailAddress",
        properties: &[
            ("EmailAddress", "String"),
            ("SubscriberKey", "String"),
            ("UnsubscribedDate", "DateTime"),
            ("Status", "String"),
            ("EmailTypePreference", "String"),
        ],
        read: &["list_and_subscribers_read"],
        write: Some(&["list_and_subscribers_write"]),
    },
    Kind {
        name: "List",
        keys: &["CustomerKey", "ListName"],
        required: "ListName",
        properties: &[
            ("ListName", "String"),
            ("Category", "Int32"),
            ("Type", "String"),
            ("Description", "String"),
            ("ListClassification", "String"),
        ],
        read: &["list_and_subscribers_read"],
        write: Some(&["list_and_subscribers_write"]),
    },
    Kind {
        name: "Email",
        keys: &["CustomerKey"],
        required: "Name",
        properties: &[
            ("Name", "String"),
            ("CategoryID", "Int32"),
            ("HTMLBody", "String"),
            ("TextBody", "String"),
            ("Subject", "String"),
        ],
        read: &["email_read"],
        write: Some(&["email_write"]),
    },
    Kind {
        name: "TriggeredSendDefinition",
        keys: &["CustomerKey"],
        required: "Name",
        properties: &[
            ("Name", "String"),
            ("Description", "String"),
            ("TriggeredSendType", "String"),
            ("TriggeredSendStatus", "String"),
        ],
        read: &["email_read"],
        write: Some(&["email_write"]),
    },
    Kind {
        name: "BusinessUnit",
        keys: &["CustomerKey"],
        required: "Name",
        properties: &[
            ("ParentID", "Int32"),
            ("Name", "String"),
            ("Email", "String"),
        ],
        read: &["accounts_read"],
        write: None,
    },
    Kind {
        name: "DataExtension",
        keys: &["CustomerKey"],
        required: "Name",
        properties: &[
            ("Name", "String"),
            ("Description", "String"),
            ("IsSendable", "Boolean"),
            ("IsTestable", "Boolean"),
        ],
        read: &["data_extensions_read"],
        write: Some(&["data_extensions_write"]),
    },
    Kind {
        name: ROW,
        keys: &[],
        required: "CustomerKey",
        properties: &[],
        read: &["data_extensions_read"],
        write: Some(&["data_extensions_write"]),
    },
];

/// The type of rows of data extensions, whose properties are the columns.
pub(super) const ROW: &str = "DataExtensionObject";

impl Kind {
    /// The type of that name, in whatever case.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    /// All properties, in the order of the WSDL.
    pub(super) fn properties(&self) -> impl Iterator<Item = Property> {
        COMMON.iter().chain(self.properties).copied()
    }

    /// The property as it is written, by its name in whatever case.
    pub(super) fn property(&self, name: &str) -> Option<&'static str> {
        self.properties()
            .map(|(known, _)| known)
            .find(|known| known.eq_ignore_ascii_case(name))
    }

    pub(super) fn is_row(&self) -> bool {
        self.name == ROW
    }
}
