//! The scopes that an installed package can have. A name that is missing here is worth a warning and no more: the vendor
//! adds scopes.
//!
//! Source: the npm package sfmc-sdk 2.1.2.

use std::sync::LazyLock;

/// Families of scopes, by the actions that each has.
const FAMILIES: &[(&str, &str)] = &[
    (
        "accounts approvals audiences calendar campaign data_extensions documents_and_images file_locations \
         list_and_subscribers ott_channels saved_content tags tracking_events users webhooks workflows",
        "read write",
    ),
    ("email push sms marketing_cloud_connect", "read write send"),
    ("automations", "read write execute"),
    ("journeys", "read write execute delete aspr"),
    ("web", "read write publish"),
    ("social", "read write publish post"),
    ("ott_chat_messaging", "read send"),
    (
        "event_notification_callback event_notification_subscription",
        "create read update delete",
    ),
    ("contact_bu_mapping", "view create update delete"),
    ("deep_linking", "asset settings"),
    ("key_manage", "view rotate revoke"),
    ("package_manager", "package deploy"),
    ("dfu", "configure"),
];

static ALL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all: Vec<String> = FAMILIES
        .iter()
        .flat_map(|(families, actions)| {
            families.split(' ').flat_map(move |family| {
                actions
                    .split(' ')
                    .map(move |action| format!("{family}_{action}"))
            })
        })
        .collect();
    all.push("offline".to_owned());
    all
});

/// Every scope that is known here.
pub(super) fn all() -> &'static [String] {
    &ALL
}

/// Whether a scope is known here.
pub(super) fn is_known(scope: &str) -> bool {
    ALL.iter().any(|known| known == scope)
}
