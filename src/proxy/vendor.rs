//! The vendor's host names: which API and which tenant a host stands for. Knows the retired ones that old SDKs are stuck on.

/// What a host of the vendor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostApi {
    Rest,
    Soap,
    Auth,
    /// `integrate.aspx`, which takes a user name and a password and no token.
    Xml,
}

/// One of the vendor's hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VendorHost {
    pub(super) api: HostApi,
    /// The tenant's subdomain; `None` for the hosts that all tenants once shared.
    pub(super) subdomain: Option<String>,
    /// The host itself, lower case.
    pub(super) name: String,
}

impl VendorHost {
    /// Reads a host name in any case.
    pub(super) fn of(host: &str) -> Option<Self> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let (api, subdomain) = of_tenant(&name).or_else(|| retired(&name))?;
        let subdomain = subdomain.map(str::to_owned);
        Some(Self {
            api,
            subdomain,
            name,
        })
    }
}

fn of_tenant(name: &str) -> Option<(HostApi, Option<&str>)> {
    let (subdomain, api) = name
        .strip_suffix(".marketingcloudapis.com")?
        .split_once('.')?;
    let api = match api {
        "rest" => HostApi::Rest,
        "soap" => HostApi::Soap,
        "auth" => HostApi::Auth,
        _ => return None,
    };
    (!subdomain.is_empty()).then_some((api, Some(subdomain)))
}

/// `webservice`, `webservice.s6` and `webservice-tls` alike.
fn retired(name: &str) -> Option<(HostApi, Option<&str>)> {
    let api = match name {
        "www.exacttargetapis.com" => HostApi::Rest,
        "auth.exacttargetapis.com" => HostApi::Auth,
        _ => {
            let first = name.strip_suffix(".exacttarget.com")?;
            let is_stack = |rest: &str| {
                rest.is_empty()
                    || rest
                        .strip_prefix(['.', '-'])
                        .is_some_and(|stack| stack.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            };
            if first.strip_prefix("webservice").is_some_and(is_stack) {
                HostApi::Soap
            } else if first.strip_prefix("api").is_some_and(is_stack) {
                HostApi::Xml
            } else {
                return None;
            }
        }
    };
    Some((api, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stand_for_an_api_and_a_tenant() {
        let mc1 = Some("mc1");
        for (host, expected) in [
            (
                "mc1.rest.marketingcloudapis.com",
                Some((HostApi::Rest, mc1)),
            ),
            (
                "MC1.Soap.MarketingCloudApis.com.",
                Some((HostApi::Soap, mc1)),
            ),
            (
                "mc1.auth.marketingcloudapis.com",
                Some((HostApi::Auth, mc1)),
            ),
            ("www.exacttargetapis.com", Some((HostApi::Rest, None))),
            ("auth.exacttargetapis.com", Some((HostApi::Auth, None))),
            ("webservice.exacttarget.com", Some((HostApi::Soap, None))),
            (
                "webservice.s10.exacttarget.com",
                Some((HostApi::Soap, None)),
            ),
            (
                "webservice-tls.exacttarget.com",
                Some((HostApi::Soap, None)),
            ),
            ("api.s4.exacttarget.com", Some((HostApi::Xml, None))),
            ("mc1.evil.marketingcloudapis.com", None),
            (".rest.marketingcloudapis.com", None),
            ("rest.marketingcloudapis.com", None),
            ("a.mc1.rest.marketingcloudapis.com", None),
            ("mc1.rest.marketingcloudapis.com.evil.example", None),
            ("webserviceevil.exacttarget.com", None),
            ("webservice.a.b.exacttarget.com", None),
            ("members.exacttarget.com", None),
            ("exacttargetapis.com", None),
            ("localhost", None),
        ] {
            let found = VendorHost::of(host);
            let found = found
                .as_ref()
                .map(|found| (found.api, found.subdomain.as_deref()));
            assert_eq!(found, expected, "{host}");
        }
    }
}
