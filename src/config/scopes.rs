//! The scopes that the vendor knows, by where they are asked for. One that is missing here is refused, because the vendor
//! answers it with no token at all; what it adds later has a key of its own.
//!
//! Sources: the npm package sfmc-sdk 2.1.2 for Marketing Cloud; the vendor's page on OAuth tokens and scopes for core
//! Salesforce.

use std::sync::LazyLock;

use super::suggest;

/// Who grants a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    /// Marketing Cloud Engagement.
    MarketingCloud,
    /// Core Salesforce, and what is built on its tokens.
    Core,
}

/// Families of Marketing Cloud's scopes, by the actions that each has.
const FAMILIES: &[(&str, &str)] = &[
    (
        "accounts approvals audiences calendar campaign data_extensions documents_and_images file_locations \
         list_and_subscribers ott_channels saved_content tags tracking_events users webhooks workflows \
         deep_linking_settings",
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
    ("deep_linking_asset", "read write delete"),
    ("key_manage", "view rotate revoke"),
    ("package_manager", "package deploy"),
    ("dfu", "configure"),
];

/// What asks Marketing Cloud for a refresh token.
const OFFLINE: &str = "offline";

/// What asks core Salesforce for a refresh token.
const CORE_OFFLINE: [&str; 2] = ["refresh_token", "offline_access"];

const CORE: &str = "api full web id profile email address phone openid refresh_token offline_access chatter_api \
                    custom_permissions visualforce lightning content pardot_api cdp_api cdp_query_api cdp_ingest_api \
                    cdp_profile_api cdp_segment_api cdp_identityresolution_api cdp_calculated_insight_api \
                    einstein_gpt_api sfap_api interaction_api forgot_password user_registration_api pwdless_login_api \
                    wave_api eclair_api chatbot_api scrt_api";

static MARKETING_CLOUD: LazyLock<Vec<String>> = LazyLock::new(|| {
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
    all.push(OFFLINE.to_owned());
    all
});

impl Vendor {
    /// Its name in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MarketingCloud => "Marketing Cloud",
            Self::Core => "core Salesforce",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::MarketingCloud => Self::Core,
            Self::Core => Self::MarketingCloud,
        }
    }

    fn all(self) -> Vec<&'static str> {
        match self {
            Self::MarketingCloud => MARKETING_CLOUD.iter().map(String::as_str).collect(),
            Self::Core => CORE.split(' ').collect(),
        }
    }

    fn knows(self, scope: &str) -> bool {
        self.all().contains(&scope)
    }

    /// Whether a scope asks for a refresh token.
    pub(super) fn is_offline(self, scope: &str) -> bool {
        match self {
            Self::MarketingCloud => scope == OFFLINE,
            Self::Core => CORE_OFFLINE.contains(&scope),
        }
    }

    /// What asks for a refresh token.
    pub(super) fn offline(self) -> &'static str {
        match self {
            Self::MarketingCloud => OFFLINE,
            Self::Core => "refresh_token",
        }
    }
}

/// What is wrong with a scope that the vendor does not know, and what to write instead.
pub(super) fn check(vendor: Vendor, scope: &str) -> Result<(), (String, String)> {
    if vendor.knows(scope) {
        return Ok(());
    }
    let (name, other) = (vendor.name(), vendor.other());
    if other.knows(scope) {
        let what = format!(
            "{scope:?} is a scope of {}, and {name} does not know it",
            other.name()
        );
        let instead = match vendor {
            _ if !other.is_offline(scope) => "take it out".to_owned(),
            Vendor::MarketingCloud => format!("{name}'s is {OFFLINE:?}"),
            Vendor::Core => format!("{name}'s is \"refresh_token\" or \"offline_access\""),
        };
        return Err((what, instead));
    }
    let newer = "a scope that is newer than this version belongs in extra_scopes";
    let instead = match suggest::nearest(scope, vendor.all()) {
        Some(near) => format!("did you mean {near:?}? If not, {newer}"),
        None => newer.to_owned(),
    };
    Err((format!("{name} has no scope {scope:?}"), instead))
}
