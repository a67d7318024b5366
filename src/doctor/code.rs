//! The stable names of all diagnoses, for programs. docs/doctor.md has a section for each.

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What was found, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// As it should be.
    Ok = "ok",
    /// Not looked at.
    LeftOut = "left_out",
    /// `check` finds a fault.
    ConfigurationFault = "configuration_fault",
    /// `check` warns.
    ConfigurationWarning = "configuration_warning",
    /// No tenant has this subdomain.
    WrongSubdomain = "wrong_subdomain",
    /// A name is not known, while others are.
    UnknownHost = "unknown_host",
    /// No name of the Internet is known here.
    DnsBlocked = "dns_blocked",
    /// The name servers have trouble with this name.
    DnsTrouble = "dns_trouble",
    /// Nothing comes back from the host.
    EgressBlocked = "egress_blocked",
    /// A proxy is known, and is not used.
    ProxyNeeded = "proxy_needed",
    /// The host refuses connections.
    ConnectionRefused = "connection_refused",
    /// There is no way to the host.
    ConnectionFailed = "connection_failed",
    /// A connection broke before there was an answer.
    ConnectionBroken = "connection_broken",
    /// No answer in time.
    NoAnswer = "no_answer",
    /// The name leads to this proxy.
    LeadsBack = "leads_back",
    /// The egress proxy does not answer.
    EgressProxyUnreachable = "egress_proxy_unreachable",
    /// The egress proxy wants credentials.
    EgressProxyAuthentication = "egress_proxy_authentication",
    /// The egress proxy denies the host.
    EgressProxyDenied = "egress_proxy_denied",
    /// The egress proxy does not find the host.
    EgressProxyNoWay = "egress_proxy_no_way",
    /// Somebody in between opens TLS.
    TlsIntercepted = "tls_intercepted",
    /// A public authority that is not trusted here.
    CertificateUntrusted = "certificate_untrusted",
    /// A certificate whose time is over.
    CertificateExpired = "certificate_expired",
    /// A certificate whose time has not come.
    CertificateNotYetValid = "certificate_not_yet_valid",
    /// A certificate for other names.
    CertificateWrongName = "certificate_wrong_name",
    /// A certificate that cannot be used.
    CertificateUnusable = "certificate_unusable",
    /// Nothing newer than TLS 1.1.
    TlsTooOld = "tls_too_old",
    /// Something else than TLS.
    NoTls = "no_tls",
    /// TLS fails otherwise.
    TlsFailed = "tls_failed",
    /// Our clock is wrong.
    ClockSkew = "clock_skew",
    /// The id or the secret is wrong, or the package is disabled.
    WrongClient = "wrong_client",
    /// The present secret is refused, and the next one is taken.
    NextSecretInUse = "next_secret_in_use",
    /// The package is disabled.
    PackageDisabled = "package_disabled",
    /// The package may not ask by this grant.
    ClientNotAuthorized = "client_not_authorized",
    /// A legacy package at the endpoint for enhanced ones.
    LegacyPackage = "legacy_package",
    /// An enhanced package at the endpoint for legacy ones.
    EnhancedPackageOnV1 = "enhanced_package_on_v1",
    /// A scope that the package does not grant.
    ScopeNotGranted = "scope_not_granted",
    /// A call that the token has no scope for.
    MissingScope = "missing_scope",
    /// The grant itself is refused.
    GrantRefused = "grant_refused",
    /// The endpoint does not know the grant.
    UnsupportedGrant = "unsupported_grant",
    /// The account is none of the package's.
    WrongAccount = "wrong_account",
    /// Data Cloud gives no token for core's.
    ExchangeRefused = "exchange_refused",
    /// Our address is not on the tenant's list.
    AddressNotAllowed = "address_not_allowed",
    /// Too many requests.
    Throttled = "throttled",
    /// The tenant has trouble of its own.
    TenantTrouble = "tenant_trouble",
    /// A web page answers in the tenant's place.
    CaptivePortal = "captive_portal",
    /// An answer that is none of the vendor's.
    OddAnswer = "odd_answer",
    /// A request that is refused for a reason that is not known.
    Refused = "refused",
    /// The token response names a host that is not the tenant's.
    UntrustedInstanceUrl = "untrusted_instance_url",
    /// Nobody is logged in.
    LoginNeeded = "login_needed",
    /// The state directory cannot be used.
    StateFault = "state_fault",
    /// A fresh token is refused.
    TokenRefused = "token_refused",
    /// What needs no more than a token, and is not there.
    NotFound = "not_found",
}
