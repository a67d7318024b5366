//! Where a tenant's tokens come from: its subdomain or My Domain name, or a URL in their place, and the hosts that its
//! tokens may go to.

use http::Uri;

use super::shape::{GrantWord, KindWord, Shape};
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::config::resolve::url::{base_url, checked, is_label};
use crate::config::resolve::{Review, complain};
use crate::config::value::Complaint;
use crate::token::{InstanceLock, TrustedHost, is_loopback};

/// Every Marketing Cloud tenant's hosts stand below this, after `rest`, `soap` or `auth`.
const MARKETING_CLOUD_DOMAIN: &str = "marketingcloudapis.com";
/// Every org's My Domain stands below this.
const CORE_DOMAIN: &str = "my.salesforce.com";
/// What else may stand behind a My Domain name where somebody copies it.
const CORE_PAGES: [&str; 2] = ["lightning.force.com", "my.salesforce-setup.com"];
/// Where users of all orgs log in.
const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", SANDBOX_LOGIN_HOST];
/// Where users of sandboxes log in.
pub(super) const SANDBOX_LOGIN_HOST: &str = "test.salesforce.com";

/// A tenant's auth base, and the hosts that its tokens may go to.
pub(super) fn authority(
    review: &mut Review<'_>,
    table: &KeyPath,
    shape: Shape,
    trusted: Option<Vec<TrustedHost>>,
) -> Option<(Uri, InstanceLock)> {
    let (subdomain_path, url_path) = (table.child("subdomain"), table.child("auth_url"));
    let given = |path| review.values.is_given(path);
    if !given(&subdomain_path) && !given(&url_path) {
        review.missing(table, "subdomain", missing(shape.kind));
    }
    // Without the kind nobody can tell what is right.
    let kind = shape.kind?;
    let subdomain = review.text(&subdomain_path);
    let read = |text: &str| match kind {
        KindWord::MarketingCloud => subdomain_label(text),
        _ => my_domain(text),
    };
    let subdomain = checked(review, &subdomain_path, subdomain.map(read));
    let url = review.text(&url_path);
    let url = checked(review, &url_path, url.map(|text| auth_url(text, kind)));
    if let Some(Some(url)) = &url
        && is_login_host(url)
        && shape.grant == Some(GrantWord::ClientCredentials)
    {
        let what =
            "takes no client credentials: the vendor grants them on an org's My Domain alone";
        let instead = if review.values.is_given(&subdomain_path) {
            "leave it out, since the subdomain says it all"
        } else {
            "write subdomain = \"acme\" instead, the NAME in https://NAME.my.salesforce.com/"
        };
        review.fault(&url_path, what, instead);
        return None;
    }
    locked_out(review, table, kind);
    let (subdomain, url, trusted) = (subdomain?, url?, trusted?);
    let url = match (&subdomain, url) {
        (_, Some(url)) => url,
        (Some(subdomain), None) => implied(subdomain, kind).parse().ok()?,
        (None, None) => return None,
    };
    Some((url, InstanceLock { subdomain, trusted }))
}

fn implied(subdomain: &str, kind: KindWord) -> String {
    match kind {
        KindWord::MarketingCloud => format!("https://{subdomain}.auth.{MARKETING_CLOUD_DOMAIN}/"),
        _ => format!("https://{subdomain}.{CORE_DOMAIN}/"),
    }
}

fn missing(kind: Option<KindWord>) -> &'static str {
    match kind {
        Some(KindWord::MarketingCloud) => {
            "write subdomain = \"mc…\", the SUB in https://SUB.auth.marketingcloudapis.com/"
        }
        Some(_) => "write subdomain = \"acme\", the NAME in https://NAME.my.salesforce.com/",
        None => {
            "write what stands before .auth.marketingcloudapis.com, or for the other kinds before .my.salesforce.com"
        }
    }
}

/// Notes a URL that says where tokens come from, where nothing says where they may go.
fn locked_out(review: &mut Review<'_>, table: &KeyPath, kind: KindWord) {
    let (url_path, hosts_path) = (table.child("auth_url"), table.child("trusted_hosts"));
    let given = |path: &KeyPath| review.values.is_given(path);
    let locked_out = given(&url_path)
        && !given(&table.child("subdomain"))
        && review.list(&hosts_path).is_empty()
        && !review.values.is_spoiled(&hosts_path);
    if !locked_out {
        return;
    }
    let what = "says where tokens come from, but not where they may be sent";
    let instead = match own_subdomain(review.text(&url_path).unwrap_or_default(), kind) {
        Some(subdomain) => format!("write subdomain = {subdomain:?} instead"),
        None => {
            let example = match kind {
                KindWord::MarketingCloud => "mc…",
                _ => "acme",
            };
            format!(
                "add subdomain = {example:?}, or trusted_hosts = [\"host:port\"] with the instances' hosts"
            )
        }
    };
    review.fault(&url_path, what, instead);
}

/// Whether a URL is where users of all orgs log in.
fn is_login_host(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    LOGIN_HOSTS
        .iter()
        .any(|login| host.eq_ignore_ascii_case(login))
}

/// The subdomain of a URL that is the vendor's own.
fn own_subdomain(url: &str, kind: KindWord) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.to_ascii_lowercase();
    let (name, is_one) = match kind {
        KindWord::MarketingCloud => {
            let (label, domain) = host.split_once('.')?;
            let own = domain == format!("auth.{MARKETING_CLOUD_DOMAIN}");
            (label, own && is_label(label))
        }
        _ => {
            let name = host.strip_suffix(CORE_DOMAIN)?.strip_suffix('.')?;
            (name, is_my_domain(name))
        }
    };
    is_one.then(|| name.to_owned())
}

/// The host of what may be a URL, or a host alone.
fn host_of(text: &str) -> &str {
    let after = text.split_once("://").map_or(text, |(_, after)| after);
    after.split(['/', ':']).next().unwrap_or_default()
}

/// One DNS label. Whatever else were let through would choose the host that secrets go to.
fn subdomain_label(text: &str) -> Result<String, Complaint> {
    let host = host_of(text).to_ascii_lowercase();
    if is_below(&host, "salesforce.com") || is_below(&host, "force.com") {
        return complain(
            format!("{} is a host of core Salesforce", shown(text)),
            "write kind = \"salesforce\" beside it, or the SUB in https://SUB.auth.marketingcloudapis.com/",
        );
    }
    let label = host_of(text).split('.').next().unwrap_or_default();
    if label != text {
        let what = format!("{} is more than the subdomain", shown(text));
        return if is_label(label) {
            complain(what, format!("write {:?}", label.to_ascii_lowercase()))
        } else {
            complain(
                what,
                "write only what stands before .auth.marketingcloudapis.com",
            )
        };
    }
    if !is_label(text) {
        return complain(
            format!(
                "{} is no subdomain: it has letters, digits and hyphens alone",
                shown(text)
            ),
            "write what stands before .auth.marketingcloudapis.com, as \"mc1234567890abcdefghijklmnop\"",
        );
    }
    Ok(text.to_ascii_lowercase())
}

/// `acme`, or `acme--uat.sandbox` and its like: one DNS label or two, for the same reason.
fn my_domain(text: &str) -> Result<String, Complaint> {
    const EXAMPLE: &str =
        "write what stands before .my.salesforce.com, as \"acme\" or \"acme--uat.sandbox\"";
    let host = host_of(text).to_ascii_lowercase();
    if is_below(&host, MARKETING_CLOUD_DOMAIN) {
        return complain(
            format!("{} is a host of Marketing Cloud", shown(text)),
            "leave kind out, or write the NAME in https://NAME.my.salesforce.com/",
        );
    }
    let domains = CORE_PAGES.iter().chain([&CORE_DOMAIN]);
    let name = domains
        .filter_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'))
        .next();
    if name.is_some() || host != text.to_ascii_lowercase() {
        let what = format!("{} is more than the My Domain name", shown(text));
        return match name.filter(|name| is_my_domain(name)) {
            Some(name) => complain(what, format!("write {name:?}")),
            None => complain(what, EXAMPLE),
        };
    }
    if !is_my_domain(&host) || is_below(&host, "com") {
        let what = format!("{} is no My Domain name", shown(text));
        return complain(what, EXAMPLE);
    }
    Ok(host)
}

fn is_my_domain(name: &str) -> bool {
    name.split('.').count() <= 2 && name.split('.').all(is_label)
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|before| before.ends_with('.'))
}

fn auth_url(text: &str, kind: KindWord) -> Result<Uri, Complaint> {
    let (uri, host) = base_url(text)?;
    if uri.scheme_str() == Some("http") && !is_loopback(&host) {
        return complain(
            format!("{} would send credentials in clear", shown(text)),
            "write https://; http is for loopback alone",
        );
    }
    let (foreign, endpoint) = match kind {
        KindWord::MarketingCloud => ("salesforce.com", "v2/token"),
        _ => (MARKETING_CLOUD_DOMAIN, "services/oauth2/token"),
    };
    if is_below(&host, foreign) {
        let (of, instead) = match kind {
            KindWord::MarketingCloud => {
                ("core Salesforce", "write kind = \"salesforce\" beside it")
            }
            _ => ("Marketing Cloud", "leave kind out"),
        };
        return complain(format!("{} is a host of {of}", shown(text)), instead);
    }
    if uri.path().ends_with('/') {
        return Ok(uri);
    }
    let base = uri.to_string();
    let base = base.strip_suffix(endpoint).unwrap_or(&base);
    let slash = if base.ends_with('/') { "" } else { "/" };
    complain(
        format!(
            "{} does not end with a slash: it is the base of the token endpoint",
            shown(text)
        ),
        format!("write \"{base}{slash}\""),
    )
}
