//! Scopes: those that the vendor knows, those that it does not, and those that calls will hardly do without.

use super::*;

const MARKETING_CLOUD: &str = "subdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret = \"s\"\n";

/// Faults and warnings of a tenant with these lines, without their place.
fn of(lines: &str) -> (Vec<String>, Vec<String>) {
    let text = format!("[tenants.acme]\n{lines}");
    let faults = found(&text, &[], Depth::Syntax);
    let bare = |line: &str| {
        let (_place, words) = line.split_once("tenants.acme.").unwrap();
        words.to_owned()
    };
    let warnings = faults
        .warnings
        .iter()
        .filter(|line| line.contains("tenants.acme."));
    (
        faults
            .faults
            .iter()
            .map(|fault| bare(&fault.to_string()))
            .collect(),
        warnings.map(|line| bare(line)).collect(),
    )
}

fn core(kind: &str) -> String {
    format!("kind = {kind:?}\nsubdomain = \"acme\"\nclient_id = \"i\"\nclient_secret = \"s\"\n")
}

#[test]
fn every_scope_that_a_call_needs_is_one_that_can_be_asked_for() {
    for scope in crate::policy::scopes::scopes_named() {
        let (faults, _warnings) = of(&format!("{MARKETING_CLOUD}scope = [{scope:?}]\n"));
        assert_eq!(faults, Vec::<String>::new(), "{scope}");
    }
}

const LOGIN: &str = "grant = \"authorization_code\"\n";

#[test]
fn a_scope_that_marketing_cloud_does_not_know_is_refused() {
    for (scope, expected) in [
        (
            "data_extension_read",
            "Marketing Cloud has no scope \"data_extension_read\"; did you mean \"data_extensions_read\"? If not, a scope that is newer than this version belongs in extra_scopes",
        ),
        (
            "brand_new_thing",
            "Marketing Cloud has no scope \"brand_new_thing\"; a scope that is newer than this version belongs in extra_scopes",
        ),
        (
            "offline_access",
            "\"offline_access\" is a scope of core Salesforce, and Marketing Cloud does not know it; Marketing Cloud's is \"offline\"",
        ),
        (
            "refresh_token",
            "\"refresh_token\" is a scope of core Salesforce, and Marketing Cloud does not know it; Marketing Cloud's is \"offline\"",
        ),
        (
            "full",
            "\"full\" is a scope of core Salesforce, and Marketing Cloud does not know it; take it out",
        ),
        (
            "api",
            "\"api\" is a scope of core Salesforce, and Marketing Cloud does not know it; take it out",
        ),
    ] {
        let (faults, warnings) = of(&format!(
            "{MARKETING_CLOUD}scope = [\"email_read\", {scope:?}]"
        ));
        assert_eq!(faults, [format!("scope: {expected}")]);
        assert_eq!(warnings, [""; 0]);
    }
    let (faults, _warnings) = of(&format!("{MARKETING_CLOUD}scope = \"emial_read api\""));
    assert_eq!(faults.len(), 2, "all at once: {faults:?}");
}

#[test]
fn a_scope_that_core_salesforce_does_not_know_is_refused() {
    for (scope, expected) in [
        (
            "offline",
            "\"offline\" is a scope of Marketing Cloud, and core Salesforce does not know it; core Salesforce's is \"refresh_token\" or \"offline_access\"",
        ),
        (
            "email_read",
            "\"email_read\" is a scope of Marketing Cloud, and core Salesforce does not know it; take it out",
        ),
        (
            "pardotapi",
            "core Salesforce has no scope \"pardotapi\"; did you mean \"pardot_api\"? If not, a scope that is newer than this version belongs in extra_scopes",
        ),
    ] {
        let (faults, _warnings) = of(&format!(
            "{}{LOGIN}scope = [\"api\", \"refresh_token\", {scope:?}]",
            core("salesforce")
        ));
        assert_eq!(faults, [format!("scope: {expected}")]);
    }
}

/// As the vendor's own SDK has them, one of each family at least.
#[test]
fn scopes_that_are_known() {
    let known = "accounts_write audiences_read automations_execute contact_bu_mapping_view deep_linking_asset_delete \
                 deep_linking_settings_write dfu_configure documents_and_images_read event_notification_callback_create \
                 file_locations_write journeys_aspr key_manage_rotate list_and_subscribers_read marketing_cloud_connect_send \
                 offline ott_chat_messaging_send package_manager_deploy push_send saved_content_write social_post sms_send \
                 tracking_events_read web_publish webhooks_write workflows_read";
    assert_eq!(
        of(&format!("{MARKETING_CLOUD}scope = {known:?}")).0,
        [""; 0]
    );
    let known = "api full web id profile email address phone openid refresh_token offline_access chatter_api \
                 custom_permissions visualforce lightning content pardot_api cdp_query_api cdp_ingest_api cdp_profile_api \
                 cdp_segment_api cdp_identityresolution_api cdp_calculated_insight_api einstein_gpt_api sfap_api \
                 interaction_api forgot_password user_registration_api pwdless_login_api wave_api eclair_api chatbot_api \
                 scrt_api cdp_api";
    assert_eq!(
        of(&format!("{}{LOGIN}scope = {known:?}", core("salesforce"))).0,
        [""; 0]
    );
}

#[test]
fn what_is_newer_than_this_version_is_asked_for_without_a_check() {
    let scope = |lines: &str| {
        let resolved = resolve(&format!("{TENANT}{lines}"));
        resolved.proxy.tenants[0].endpoint.scope.clone()
    };
    assert_eq!(
        scope("scope = \"email_read\"\nextra_scopes = [\"brand_new_thing\", \"api\"]").as_deref(),
        Some("email_read brand_new_thing api")
    );
    assert_eq!(
        scope("extra_scopes = \"brand_new_thing\"").as_deref(),
        Some("brand_new_thing")
    );
    let (faults, _warnings) = of(&format!("{MARKETING_CLOUD}extra_scopes = ['a\"b']"));
    assert_eq!(
        faults,
        ["extra_scopes: \"a\\\"b\" is no scope; write names such as \"email_read\""]
    );
}

#[test]
fn a_login_that_asks_for_no_refresh_token_is_a_fault() {
    let ends = |name: &str| {
        format!("asks for no refresh token, without which no login lasts; add {name:?}")
    };
    let login = "grant = \"authorization_code\"\n";
    let faults = |lines: &str| of(lines).0;
    assert_eq!(
        faults(&format!("{MARKETING_CLOUD}{login}scope = \"email_read\"")),
        [format!("scope: {}", ends("offline"))]
    );
    assert_eq!(
        faults(&format!("{}{login}scope = \"api\"", core("salesforce"))),
        [format!("scope: {}", ends("refresh_token"))]
    );
    assert_eq!(
        faults(&format!(
            "{}{login}extra_scopes = \"api\"",
            core("salesforce")
        )),
        [format!("extra_scopes: {}", ends("refresh_token"))]
    );
    for fine in [
        format!("{MARKETING_CLOUD}{login}scope = \"email_read offline\""),
        format!("{MARKETING_CLOUD}{login}scope = \"email_read\"\nextra_scopes = \"offline\""),
        format!("{MARKETING_CLOUD}{login}"),
        format!("{MARKETING_CLOUD}scope = \"email_read\""),
        format!(
            "{}{login}scope = \"api offline_access\"",
            core("salesforce")
        ),
    ] {
        assert_eq!(faults(&fine), [""; 0], "{fine}");
    }
}

#[test]
fn scopes_that_a_kind_will_hardly_do_without() {
    let login = "grant = \"authorization_code\"\n";
    let warned = |kind: &str, lines: &str| of(&format!("{}{login}{lines}", core(kind))).1;
    assert_eq!(
        warned("data_cloud", "scope = \"api refresh_token\""),
        [
            "scope: asks for nothing of Data Cloud; add \"cdp_query_api\", or what else of cdp_… the calls need"
        ]
    );
    assert_eq!(
        warned("data_cloud", "scope = \"api cdp_ingest_api refresh_token\""),
        [""; 0]
    );
    assert_eq!(warned("data_cloud", ""), [""; 0]);
    let unit = "business_unit_id = \"0Uv000000000123AAA\"\n";
    assert_eq!(
        warned(
            "account_engagement",
            &format!("{unit}scope = \"api refresh_token\"")
        ),
        ["scope: does not ask for Account Engagement; add \"pardot_api\""]
    );
    assert_eq!(
        warned(
            "account_engagement",
            &format!("{unit}scope = \"pardot_api refresh_token\"")
        ),
        [""; 0]
    );
    assert_eq!(
        warned("salesforce", "scope = []"),
        ["scope: is empty and is left out of token requests"]
    );
}

#[test]
fn core_takes_scopes_at_a_login_alone() {
    let fault = "cannot be asked for: core Salesforce takes scopes at a login alone, and gives what the connected app has; leave it out";
    let secret = core("salesforce");
    for (lines, key) in [
        ("scope = \"api\"", "scope"),
        ("extra_scopes = \"api\"", "extra_scopes"),
    ] {
        let (faults, _warnings) = of(&format!("{secret}{lines}"));
        assert_eq!(faults, [format!("{key}: {fault}")]);
    }
}
