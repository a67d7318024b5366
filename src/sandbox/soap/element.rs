//! Finding one's way in a message: children by local name, texts, types.
//!
//! Looks at local names, as the vendor's own readers seem to; where the namespace matters, the caller asks for it.

use roxmltree::Node;

/// The XML Schema instance namespace.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub(super) fn elements<'a, 'd: 'a>(node: Node<'a, 'd>) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(Node::is_element)
}

/// The children of that local name.
pub(super) fn children<'a, 'd: 'a>(
    node: Node<'a, 'd>,
    name: &'a str,
) -> impl Iterator<Item = Node<'a, 'd>> {
    elements(node).filter(move |child| child.tag_name().name() == name)
}

/// The first child of that local name.
pub(super) fn child<'a, 'd: 'a>(node: Node<'a, 'd>, name: &'a str) -> Option<Node<'a, 'd>> {
    children(node, name).next()
}

/// The descendant that is reached over those local names.
pub(super) fn descendant<'a, 'd: 'a>(node: Node<'a, 'd>, path: &[&'a str]) -> Option<Node<'a, 'd>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}

/// All text in an element, white space around it left out.
pub(super) fn text(node: Node<'_, '_>) -> String {
    let text: String = node
        .children()
        .filter_map(|child| child.is_text().then(|| child.text()).flatten())
        .collect();
    text.trim().to_owned()
}

/// The text of the first child of that local name; none if it is missing or empty.
pub(super) fn child_text<'a>(node: Node<'a, '_>, name: &'a str) -> Option<String> {
    child(node, name).map(text).filter(|text| !text.is_empty())
}

/// The local name in `xsi:type`.
pub(super) fn type_name<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let name = node.attribute((XSI, "type"))?.trim();
    Some(name.rsplit(':').next().unwrap_or(name))
}

/// `true` as XML Schema writes it.
pub(super) fn is_true(node: Node<'_, '_>, name: &str) -> bool {
    child(node, name)
        .map(text)
        .is_some_and(|text| matches!(text.as_str(), "true" | "1"))
}
