//! The reasons why a document is refused, each in words that a caller can act on. Never quotes the document.

/// Why a document is not taken for a SOAP envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The document stops inside the root element, or before it.
    #[error("it ends before its root element is closed")]
    UnexpectedEnd,
    /// An element follows the root element.
    #[error("a second root element follows the first")]
    SecondRoot,
    /// Text or CDATA stands before or after the root element.
    #[error("text stands outside the root element")]
    TextOutsideRoot,
    /// An end tag names another element than the one that is open, or none is open.
    #[error("an end tag does not match the element that is open")]
    EndTag,
    /// Something between `<` and `>` is no tag.
    #[error("a tag is not well formed")]
    Tag,
    /// An element's or attribute's name is not a qualified name.
    #[error("a name is not well formed")]
    Name,
    /// One attribute twice on one element, by name or by namespace and name.
    #[error("an attribute stands twice on one element")]
    AttributeTwice,
    /// One namespace declaration twice on one element.
    #[error("a namespace is declared twice on one element")]
    NamespaceTwice,
    /// A prefix that no element around declares.
    #[error("a prefix is not declared")]
    UndeclaredPrefix,
    /// A declaration that Namespaces in XML 1.0 forbids: of `xml` or `xmlns`, or of a prefix as nothing.
    #[error("a namespace declaration is not allowed")]
    ReservedPrefix,
    /// A document type declaration, of whatever kind.
    #[error("it has a DOCTYPE, which SOAP forbids")]
    Doctype,
    /// An `&` that begins neither one of the five entities nor a reference to an allowed character.
    #[error("it refers to an entity or character that does not exist")]
    Entity,
    /// A processing instruction that is not well formed, or an XML declaration that is not at the start.
    #[error(
        "a processing instruction is not well formed, or an XML declaration is not at the start"
    )]
    Instruction,
    /// The XML declaration is not well formed, or its version is not 1.0.
    #[error("the XML declaration is not well formed or not of version 1.0")]
    Declaration,
    /// A comment that holds `--`.
    #[error("a comment is not well formed")]
    Comment,
    /// `]]>` in text.
    #[error("`]]>` stands in text")]
    SectionEnd,
    /// A character that XML forbids, such as NUL.
    #[error("it has a character that XML does not allow")]
    Character,
    /// Bytes that the document's encoding does not have.
    #[error("its bytes are not valid in its encoding")]
    Encoding,
    /// Declaration or Content-Type name UTF-16 where the bytes are not, or the other way round.
    #[error("its bytes are not in the encoding that it names")]
    EncodingMismatch,
    /// More elements inside each other than `envelope::DEPTH_MAX`.
    #[error("its elements are nested too deeply")]
    TooDeep,
    /// More attributes on one element than `envelope::ATTRIBUTES_MAX`.
    #[error("an element has too many attributes")]
    TooManyAttributes,
    /// More namespace declarations in scope than `envelope::NAMESPACES_MAX`.
    #[error("too many namespace declarations are in scope")]
    TooManyNamespaces,
    /// More credentials and addresses in the Header than `envelope::EDITS_MAX`.
    #[error("its Header has too many credentials")]
    TooManyCredentials,
    /// More different object types or accounts in the Body than `envelope::NAMED_MAX`.
    #[error("its Body names too many object types or accounts")]
    TooManyObjectTypes,
    /// The root element is not an Envelope of SOAP 1.1 or 1.2.
    #[error("its root element is not a SOAP Envelope")]
    NotAnEnvelope,
    /// A second Header.
    #[error("it has several Headers")]
    SeveralHeaders,
    /// A second Body.
    #[error("it has several Bodies")]
    SeveralBodies,
    /// No Body.
    #[error("it has no Body")]
    NoBody,
    /// A Header or Body of the other SOAP version than the Envelope's.
    #[error("its Header or Body is of another SOAP version than its Envelope")]
    MixedVersions,
    /// Core Salesforce: nothing stands in the Body, so that no API is named.
    #[error(
        "its Body is empty, so that it names no API of Salesforce that a SessionHeader could be for"
    )]
    EmptyBody,
    /// Core Salesforce: the Body's first element names no API.
    #[error(
        "the first element of its Body has no namespace, so that it names no API of Salesforce that a SessionHeader could be for"
    )]
    NoApi,
}
